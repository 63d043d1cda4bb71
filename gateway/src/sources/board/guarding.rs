//! Which of the watched metrics are lost, in whose words, and what a person has seen of it.

use std::sync::Arc;

use alerting::{BOARD_FURTHER_ALARM as FURTHER, BOARD_SENSOR_LOST as LOST};
use boards::{Absence, Freshness, MAX_SENSORS, Sensor};
use readings::BOARD;

use super::conditions::{Others, lost, subject};
use super::loss::{GUARDED, LossNotice};
use super::mapping::Waited;
use super::{Watch, conditions, loss};
use crate::sources::sink::{Noticed, ReadingSink as _};

/// How often it is asked whether a person has seen that a sensor is lost.
const LOOK_EVERY_MS: u64 = 1_000;

impl Watch {
    /// Stops waiting for sensors whose loss a person has seen, or that are gone for a
    /// day: what is left stands for the metric, and their places may be reused.
    pub(super) fn forget_seen(&mut self, now_ms: u64) {
        if now_ms.saturating_sub(self.looked_ms) < LOOK_EVERY_MS {
            return;
        }
        self.looked_ms = now_ms;
        if !self.standing.is_empty() {
            self.standing = self.pipeline.standing_rules(BOARD);
        }
        let pipeline = &self.pipeline;
        let is_seen = |what: &str| pipeline.noticed(what) == Noticed::Seen;
        let seen = |metric| is_seen(&subject(metric));
        self.remembered.forget(now_ms, seen);
        let unseen = pipeline.unseen_metrics(BOARD);
        let sensors = self.board.sensors();
        self.causes.settle(now_ms, |name| {
            let index = sensors.find(name).ok();
            index.is_some_and(|index| sensors.value(index, now_ms).value().is_some())
        });
        let value = |index| sensors.value(index, now_ms);
        let mut held = [false; MAX_SENSORS];
        for group in &self.groups {
            let metric = group.mapping.metric;
            let guard = &self.guards[metric.index()];
            let is_loss_seen =
                guard.is_lost() && (guard.is_old(now_ms) || is_seen(&subject(metric)));
            let is_guarded = GUARDED.contains(&metric);
            // What a rule said of a metric whose loss is not told must be seen as well.
            let is_alert = !is_guarded && unseen.contains(&metric);
            for index in &group.members {
                let place = index.place();
                let is_gone = value(*index).value().is_none();
                if is_gone && is_loss_seen {
                    self.forgotten[place] = true;
                    // Nothing says that it is over: its alert is a person's to resolve.
                    if let Some(alarm) = self.alarms.forget(place) {
                        pipeline.leave(FURTHER, &alarm);
                    }
                }
                let further = self.alarms.told(place);
                let is_told = further.is_some_and(|what| pipeline.noticed(what) == Noticed::Unseen);
                let waited = Waited {
                    forgotten: &*self.forgotten,
                    standing: &self.standing,
                };
                // One that nobody misses (a radio beside another) is told to nobody.
                let is_missing = || {
                    let mut missing = loss::missing(group, value, waited);
                    missing.any(|(of, _)| of == *index)
                };
                let is_awaited = is_guarded && is_gone && !self.forgotten[place] && is_missing();
                held[place] = is_alert || is_told || is_awaited;
            }
        }
        for group in &self.groups {
            for index in &group.members {
                self.board.hold(*index, held[index.place()]);
            }
        }
    }

    /// Tells of metrics that are lost, or back.
    pub(super) fn guard(&mut self, now_ms: u64) {
        self.forget_seen(now_ms);
        for (metric, names) in self.remembered.missed(now_ms, self.lost_after_ms) {
            let condition = conditions::not_met(metric, &names, self.board.sensors());
            self.pipeline.raise_naming(condition, names);
        }
        let sensors = self.board.sensors();
        let value = move |index| sensors.value(index, now_ms);
        let waited = Waited {
            forgotten: &*self.forgotten,
            standing: &self.standing,
        };
        for group in &self.groups {
            let metric = group.mapping.metric;
            let guard = &mut self.guards[metric.index()];
            if self.remembered.awaits(metric) {
                // What is left is not what was lost: the others prove nothing. One of them
                // that is lost as well is told in the same alert.
                if loss::has_value(group, value) {
                    guard.is_there();
                }
                let missing: Vec<Arc<str>> = loss::missing(group, value, waited)
                    .filter(|(index, why)| has_been(value(*index)) || why.is_trouble())
                    .map(|(index, _)| sensors.sensor(index).name.as_str().into())
                    .collect();
                self.remembered
                    .join(metric, &missing, now_ms, self.lost_after_ms);
                continue;
            }
            match guard.observe(loss::state(group, value, waited), now_ms) {
                Some(LossNotice::Lost) => {
                    let missing: Vec<(&Sensor, Absence)> = loss::missing(group, value, waited)
                        .map(|(index, why)| (sensors.sensor(index), why))
                        .collect();
                    let others = match loss::has_value(group, value) {
                        _ if group.missed(value, waited).next().is_some() => Others::Held,
                        true => Others::Judged,
                        false => Others::None,
                    };
                    let condition = lost(metric, &missing, others);
                    let reasons = missing
                        .iter()
                        .map(|(sensor, why)| (&*sensor.name, why.kind()));
                    let is_news = self.causes.take(metric, reasons);
                    let names = missing
                        .iter()
                        .map(|(sensor, _)| sensor.name.as_str().into());
                    let names = names.collect();
                    match is_news {
                        true => self.pipeline.raise_news(condition, names),
                        false => self.pipeline.raise_naming(condition, names),
                    }
                }
                Some(LossNotice::Back) => {
                    self.causes.forget(metric);
                    self.pipeline.clear(LOST, &subject(metric));
                }
                None => {}
            }
        }
    }
}

/// Whether it had a value in this run: what never had one is not lost.
fn has_been(now: Freshness) -> bool {
    matches!(now, Freshness::Stale { .. })
}
