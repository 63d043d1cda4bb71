//! What was told of sensors that are missing: which, and why each.
//!
//! All of one metric are one alert, which takes new words without telling anybody. That is
//! enough while nobody has seen it; to whoever has acknowledged that one sensor is broken,
//! the loss of another, or another fault of the same, is news. Pure: takes `now`.

use std::sync::Arc;

use readings::Metric;

/// How long a sensor must have a value for its next loss to be news: as long as it takes
/// to be back.
const WELL_AFTER_MS: u64 = super::loss::BACK_AFTER_MS;

/// Most that are remembered: of sensors that come under new names for ever, one each. What
/// was told first gives way; told again it is news once more.
const MOST: usize = boards::MAX_SENSORS;

/// One reason of one sensor.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Cause {
    metric: Metric,
    sensor: Arc<str>,
    /// A word for the reason; none of one that an earlier run told.
    kind: Option<&'static str>,
    well_since_ms: Option<u64>,
}

/// Every cause that was told and is not over.
#[derive(Debug, Default)]
pub(super) struct Causes {
    told: Vec<Cause>,
}

impl Causes {
    /// That an earlier run told of `sensor`, whatever the reason was.
    pub(super) fn inherit(&mut self, metric: Metric, sensor: &Arc<str>) {
        self.remember(metric, sensor.clone(), None);
    }

    fn remember(&mut self, metric: Metric, sensor: Arc<str>, kind: Option<&'static str>) {
        if self.told.len() >= MOST {
            self.told.remove(0);
        }
        self.told.push(Cause {
            metric,
            sensor,
            kind,
            well_since_ms: None,
        });
    }

    /// Takes what is told of `metric` now. Whether any of it was not told before.
    pub(super) fn take<'a>(
        &mut self,
        metric: Metric,
        now: impl Iterator<Item = (&'a str, &'static str)>,
    ) -> bool {
        let mut is_news = false;
        for (sensor, kind) in now {
            let mut told = self.told.iter_mut();
            let is_it = |cause: &&mut Cause| {
                cause.metric == metric
                    && *cause.sensor == *sensor
                    && cause.kind.is_none_or(|told| told == kind)
            };
            if let Some(cause) = told.find(is_it) {
                (cause.kind, cause.well_since_ms) = (Some(kind), None);
                continue;
            }
            is_news = true;
            self.remember(metric, sensor.into(), Some(kind));
        }
        is_news
    }

    /// The metric is known again: whatever comes next is news.
    pub(super) fn forget(&mut self, metric: Metric) {
        self.told.retain(|cause| cause.metric != metric);
    }

    /// Forgets those whose sensors have been well for long enough.
    pub(super) fn settle(&mut self, now_ms: u64, is_well: impl Fn(&str) -> bool) {
        self.told.retain_mut(|cause| {
            if !is_well(&cause.sensor) {
                cause.well_since_ms = None;
                return true;
            }
            let since_ms = *cause.well_since_ms.get_or_insert(now_ms);
            now_ms.saturating_sub(since_ms) < WELL_AFTER_MS
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOT: Metric = Metric::Temperature;

    #[test]
    fn each_cause_is_news_once_until_it_is_over() {
        let mut causes = Causes::default();
        let mut take = |all: &[(&'static str, &'static str)]| causes.take(HOT, all.iter().copied());
        assert!(take(&[("a", "faulty")]));
        assert!(!take(&[("a", "faulty")]));
        assert!(take(&[("a", "faulty"), ("b", "vanished")]));
        // It comes and goes among reasons that were told.
        assert!(take(&[("a", "io")]));
        for _ in 0..10 {
            assert!(!take(&[("a", "faulty")]) && !take(&[("a", "io"), ("b", "vanished")]));
        }
        assert!(
            causes.take(Metric::Voltage, [("a", "io")].into_iter()),
            "another metric's"
        );
        // The one is well, for a moment and for good.
        causes.settle(0, |sensor| sensor == "b");
        causes.settle(50_000, |_| false);
        causes.settle(60_000, |sensor| sensor == "b");
        assert!(!causes.take(HOT, [("b", "vanished")].into_iter()));
        causes.settle(100_000, |sensor| sensor == "b");
        causes.settle(190_000, |sensor| sensor == "b");
        assert!(causes.take(HOT, [("b", "vanished")].into_iter()));
        causes.forget(HOT);
        assert!(causes.take(HOT, [("a", "io")].into_iter()));
    }

    #[test]
    fn names_without_an_end_are_remembered_up_to_a_bound() {
        let mut causes = Causes::default();
        for name in 0..2 * MOST {
            assert!(causes.take(HOT, [(name.to_string().as_str(), "vanished")].into_iter()));
        }
        assert_eq!(causes.told.len(), MOST);
        let newest = (2 * MOST - 1).to_string();
        assert!(!causes.take(HOT, [(newest.as_str(), "vanished")].into_iter()));
    }

    #[test]
    fn what_an_earlier_run_told_is_no_news() {
        let mut causes = Causes::default();
        causes.inherit(HOT, &"a".into());
        assert!(!causes.take(HOT, [("a", "faulty")].into_iter()));
        assert!(causes.take(HOT, [("a", "vanished")].into_iter()));
        assert!(causes.take(HOT, [("b", "faulty")].into_iter()));
    }
}
