//! Which of the watched metrics are lost, in whose words, and what a person has seen of it.

use alerting::BOARD_SENSOR_LOST as LOST;
use readings::{BOARD, Metric};

use super::conditions::{lost, subject};
use super::loss::{GUARDED, LossNotice};
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
        let pipeline = &self.pipeline;
        self.remembered
            .forget(|metric| pipeline.noticed(&subject(metric)) == Noticed::Seen);
        let lost = GUARDED
            .into_iter()
            .zip(&self.guards)
            .filter(|(_, guard)| guard.is_lost());
        let seen: Vec<Metric> = lost
            .filter(|(metric, _)| self.is_seen(*metric))
            .map(|(metric, _)| metric)
            .collect();
        let unseen = self.pipeline.unseen_metrics(BOARD);
        for group in &self.groups {
            let is_guarded = GUARDED.contains(&group.mapping.metric);
            let is_seen = seen.contains(&group.mapping.metric);
            // What a rule said of a metric whose loss is not told must be seen as well.
            let is_alert = !is_guarded && unseen.contains(&group.mapping.metric);
            for index in &group.members {
                let is_gone = self.board.sensors().value(*index, now_ms).value().is_none();
                if is_gone && is_seen {
                    self.forgotten[index.place()] = true;
                }
                let held = is_alert || (is_guarded && !self.forgotten[index.place()]);
                self.board.hold(*index, held);
            }
        }
    }

    /// Whether the alert about the loss of `metric` was acknowledged or is a day old.
    fn is_seen(&self, metric: Metric) -> bool {
        self.pipeline.noticed(&subject(metric)) == Noticed::Seen
    }

    /// Tells of guarded metrics that are lost, or back.
    pub(super) fn guard(&mut self, now_ms: u64) {
        self.forget_seen(now_ms);
        for missed in self.remembered.missed(now_ms, self.lost_after_ms) {
            self.pipeline
                .raise(conditions::not_met(missed.metric, &missed.name));
        }
        for (metric, guard) in GUARDED.into_iter().zip(&mut self.guards) {
            let Some(group) = self
                .groups
                .iter()
                .find(|group| group.mapping.metric == metric)
            else {
                // Its last sensor gave its place to another, which it does only once
                // its loss was seen.
                if guard.is_lost() {
                    guard.forget();
                    self.pipeline.clear(LOST, &subject(metric));
                }
                continue;
            };
            if self.remembered.awaits(metric) {
                // What is left is not what was lost: the others prove nothing.
                continue;
            }
            let sensors = self.board.sensors();
            match guard.observe(
                loss::state(
                    group,
                    |index| sensors.value(index, now_ms),
                    &*self.forgotten,
                ),
                now_ms,
            ) {
                Some(LossNotice::Lost(index, why)) => {
                    self.pipeline
                        .raise(lost(metric, sensors.sensor(index), why))
                }
                Some(LossNotice::Back) => self.pipeline.clear(LOST, &subject(metric)),
                None => {}
            }
        }
    }
}
