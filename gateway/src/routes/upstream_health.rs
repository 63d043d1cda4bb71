//! How the upstream does, for `/api/health/detailed` and the dashboard.

use serde::Serialize;
use utoipa::ToSchema;

use crate::http::scalars::Ts;
use crate::upstream::{BreakerState, Upstream};

/// The upstream in `/api/health/detailed`.
#[derive(Serialize, ToSchema)]
pub(crate) struct UpstreamHealth {
    /// `closed` while it answers, `open` while it is left alone, `half_open`
    /// while one request tries it again.
    breaker: &'static str,
    /// Seconds until it is tried again, while it is left alone.
    retry_in_s: Option<u64>,
    /// What went wrong last.
    last_failure: Option<String>,
    /// When that was.
    last_failure_at: Option<Ts>,
}

impl UpstreamHealth {
    /// How it is; none without a configured one.
    pub(crate) fn of(upstream: &Upstream) -> Option<UpstreamHealth> {
        let view = upstream.view()?;
        let (at, words) = view.last_failure.unzip();
        Some(UpstreamHealth {
            breaker: match view.breaker {
                BreakerState::Closed => "closed",
                BreakerState::Open => "open",
                BreakerState::HalfOpen => "half_open",
            },
            retry_in_s: view.retry_in_s,
            last_failure: words,
            last_failure_at: at.map(Ts),
        })
    }
}

/// Why the upstream is left alone; nothing in it while it is not, and nothing
/// at all where there is no upstream.
pub(crate) fn trouble(upstream: &Upstream) -> Option<Option<String>> {
    let view = upstream.view()?;
    let left_alone = view.breaker != BreakerState::Closed;
    Some(left_alone.then(|| {
        view.last_failure
            .map_or_else(|| "it does not answer".to_owned(), |(_, words)| words)
    }))
}
