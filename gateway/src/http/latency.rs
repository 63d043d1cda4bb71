//! Latency histograms by route, for `/metrics`.
//!
//! Fixed buckets of atomics: recording is two relaxed additions and never
//! blocks a request; memory is routes × buckets and never grows.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::performance::RouteId;

/// Upper bounds in seconds: from a cached answer to a store under load.
pub(crate) const BOUNDS_S: [f64; 12] = [
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05, 0.1, 0.5, 2.0,
];

/// One bucket more than bounds: what took longer than the last.
const BUCKETS: usize = BOUNDS_S.len() + 1;

/// Histograms of every route.
pub(crate) struct Latencies {
    routes: Box<[Histogram]>,
}

#[derive(Default)]
struct Histogram {
    buckets: [AtomicU64; BUCKETS],
    sum_us: AtomicU64,
}

impl Latencies {
    /// Histograms for so many routes.
    #[must_use]
    pub(crate) fn new(routes: usize) -> Latencies {
        Latencies {
            routes: (0..routes).map(|_| Histogram::default()).collect(),
        }
    }

    /// Counts one answered request.
    pub(crate) fn record(&self, route: RouteId, elapsed: Duration) {
        let Some(histogram) = self.routes.get(usize::from(route.0)) else {
            return;
        };
        let seconds = elapsed.as_secs_f64();
        let bucket = BOUNDS_S
            .iter()
            .position(|bound| seconds <= *bound)
            .unwrap_or(BOUNDS_S.len());
        histogram.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        histogram
            .sum_us
            .fetch_add(elapsed.as_micros() as u64, Ordering::Relaxed);
    }

    /// Sum in seconds, count, and counts by bucket (not cumulative).
    pub(crate) fn read(&self, route: RouteId) -> (f64, u64, [u64; BUCKETS]) {
        let Some(histogram) = self.routes.get(usize::from(route.0)) else {
            return (0.0, 0, [0; BUCKETS]);
        };
        let buckets =
            std::array::from_fn(|bucket| histogram.buckets[bucket].load(Ordering::Relaxed));
        (
            histogram.sum_us.load(Ordering::Relaxed) as f64 / 1e6,
            buckets.iter().sum(),
            buckets,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_lands_in_the_first_bucket_that_holds_it() {
        let latencies = Latencies::new(8);
        for micros in [50, 51, 3_000_000] {
            latencies.record(RouteId(0), Duration::from_micros(micros));
        }
        let (sum_s, count, buckets) = latencies.read(RouteId(0));
        assert_eq!(count, 3);
        assert!((sum_s - 3.000_101).abs() < 1e-9);
        assert_eq!((buckets[0], buckets[1], buckets[BUCKETS - 1]), (1, 1, 1));
        latencies.record(RouteId(u16::MAX), Duration::ZERO);
    }
}
