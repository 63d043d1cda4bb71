//! Request statistics and the background sampling of the machine.
//!
//! Sampling happens in its own task; a request only ever reads the newest
//! snapshot. This room must never block a request to sample.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::Mono;

/// Index of a route template in the statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RouteId(pub u16);

/// Statistics of one route since start (or since its records were dropped).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RouteStats {
    /// Requests.
    pub calls: u64,
    /// Answers with a status of 400 or more.
    pub errors: u64,
    /// Mean duration in milliseconds.
    pub mean_ms: f64,
    /// Least.
    pub min_ms: f64,
    /// Greatest.
    pub max_ms: f64,
    /// Median.
    pub p50_ms: f64,
    /// 95th percentile.
    pub p95_ms: f64,
    /// 99th percentile.
    pub p99_ms: f64,
}

/// The machine at one instant. Values that cannot be read are absent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SystemSnapshot {
    /// When it was taken.
    pub at: Timestamp,
    /// Processor use in percent, one decimal.
    pub cpu_pct: f64,
    /// Per core.
    pub cpu_per_core_pct: Vec<f64>,
    /// Logical cores.
    pub cpu_count: usize,
    /// Processor frequency in MHz.
    pub cpu_mhz: Option<f64>,
    /// Load over 1, 5 and 15 minutes.
    pub load_avg: Option<[f64; 3]>,
    /// Bytes.
    pub memory_total: u64,
    /// Bytes.
    pub memory_available: u64,
    /// Bytes.
    pub memory_used: u64,
    /// Percent, one decimal.
    pub memory_pct: f64,
    /// Bytes.
    pub swap_total: u64,
    /// Bytes.
    pub swap_used: u64,
    /// Resident set of this process in bytes.
    pub process_rss: u64,
    /// Bytes of `/`.
    pub disk_total: u64,
    /// Bytes of `/` in use.
    pub disk_used: u64,
    /// Bytes of `/` free.
    pub disk_free: u64,
    /// Percent, one decimal.
    pub disk_pct: f64,
    /// Bytes read since boot.
    pub disk_read: Option<u64>,
    /// Bytes written since boot.
    pub disk_written: Option<u64>,
    /// Bytes sent since boot.
    pub net_sent: u64,
    /// Bytes received since boot.
    pub net_received: u64,
    /// Packets sent since boot.
    pub packets_sent: u64,
    /// Packets received since boot.
    pub packets_received: u64,
    /// Processes.
    pub processes: usize,
    /// Board temperature in °C, from the boards crate.
    pub temperature_c: Option<f64>,
}

/// One recorded API-call sample, for `/api/performance/metrics`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CallSample {
    /// The route.
    pub route: RouteId,
    /// When it ended.
    pub at: Timestamp,
    /// Seconds.
    pub duration_s: f32,
    /// Whether the status was under 400.
    pub success: bool,
}

/// Statistics and the newest snapshot; shared by reference.
pub struct Performance {}

impl Performance {
    /// Statistics for the given route templates, in order of their [`RouteId`].
    #[must_use]
    pub fn new(routes: Vec<&'static str>) -> Performance {
        let _ = routes;
        unimplemented!()
    }

    /// Records one answered request.
    pub fn record(&self, route: RouteId, status: u16, elapsed: Duration, now: Mono, wall: Timestamp) {
        let _ = (route, status, elapsed, now, wall);
        unimplemented!()
    }

    /// Statistics of every route that was called.
    #[must_use]
    pub fn routes(&self) -> Vec<(&'static str, RouteStats)> {
        unimplemented!()
    }

    /// Statistics of one route template; none when unknown or never called.
    #[must_use]
    pub fn route(&self, template: &str) -> Option<RouteStats> {
        let _ = template;
        unimplemented!()
    }

    /// Statistics over all routes.
    #[must_use]
    pub fn total(&self) -> RouteStats {
        unimplemented!()
    }

    /// Recent call samples (bounded), oldest first.
    #[must_use]
    pub fn samples(&self) -> Vec<CallSample> {
        unimplemented!()
    }

    /// Template of a route.
    #[must_use]
    pub fn template(&self, route: RouteId) -> &'static str {
        let _ = route;
        unimplemented!()
    }

    /// Drops call records older than an hour; how many were dropped. `dry_run`
    /// only counts.
    pub fn optimise(&self, now: Mono, dry_run: bool) -> usize {
        let _ = (now, dry_run);
        unimplemented!()
    }

    /// The newest snapshot of the machine.
    #[must_use]
    pub fn system(&self) -> Arc<SystemSnapshot> {
        unimplemented!()
    }
}
