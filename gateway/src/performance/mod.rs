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

/// Temporary.
pub struct Performance {
    routes: Vec<&'static str>,
    system: arc_swap::ArcSwap<SystemSnapshot>,
}
#[allow(missing_docs)]
impl Performance {
    pub fn new(routes: Vec<&'static str>) -> Performance {
        Performance { routes, system: Default::default() }
    }
    pub fn record(&self, _route: RouteId, _status: u16, _elapsed: Duration, _now: Mono, _wall: Timestamp) {}
    pub fn routes(&self) -> Vec<(&'static str, RouteStats)> {
        vec![]
    }
    pub fn route(&self, _template: &str) -> Option<RouteStats> {
        None
    }
    pub fn total(&self) -> RouteStats {
        RouteStats::default()
    }
    pub fn samples(&self) -> Vec<CallSample> {
        vec![]
    }
    pub fn template(&self, route: RouteId) -> &'static str {
        self.routes[route.0 as usize]
    }
    pub fn optimise(&self, _now: Mono, _dry_run: bool) -> usize {
        0
    }
    pub fn system(&self) -> Arc<SystemSnapshot> {
        self.system.load_full()
    }
}
/// Temporary.
pub fn spawn_sampler(
    performance: Arc<Performance>,
    interval: Duration,
    stop: tokio_util::sync::CancellationToken,
    mut f: impl FnMut(&SystemSnapshot) + Send + 'static,
) {
    tokio::spawn(async move {
        loop {
            let snapshot = SystemSnapshot {
                cpu_pct: 5.0,
                memory_pct: 40.0,
                disk_pct: 10.0,
                at: Timestamp::now(),
                processes: 3,
                cpu_count: 2,
                ..Default::default()
            };
            f(&snapshot);
            performance.system.store(Arc::new(snapshot));
            tokio::select! { _ = tokio::time::sleep(interval) => {}, _ = stop.cancelled() => return }
        }
    });
}
