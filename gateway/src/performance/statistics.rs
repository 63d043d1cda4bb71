//! What is known of requests: of a route, and of one call.

use jiff::Timestamp;

/// Index of a route template in the statistics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RouteId(pub u16);

/// Statistics of the recent calls of a route: none younger than an hour is
/// missing, none older than two is in.
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

/// Requests since start; never goes down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RequestCounts {
    /// Requests.
    pub calls: u64,
    /// Answers with a status of 400 or more.
    pub errors: u64,
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
