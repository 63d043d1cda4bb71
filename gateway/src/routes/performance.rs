//! Contract 6: statistics of requests, the cache and the machine.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use crate::cache::CacheStats as Counters;
use crate::http::call::Call;
use crate::http::envelope::Outcome;
use crate::http::params::{Kind, Location, Param};
use crate::http::respond::{self, SuccessResponse};
use crate::http::response_cache::GAUGES_TTL;
use crate::http::route::{Gives, Route, Verb};
use crate::http::rows::{ADMIN, DASHBOARD, SUCCESS, get, now};
use crate::http::scalars::{self, Ts, mb, percent, round2};
use crate::http::shape::of;
use crate::http::state::App;
use crate::performance::RouteStats;
use crate::routes::machine::SystemPerformance;
use readings::clock::Mono;

/// The routes of this file.
pub(crate) const ROUTES: &[Route] = &[
    get(
        "/api/performance/summary",
        DASHBOARD,
        summary,
        Gives::Json(of::<PerformanceSummary<'_>>()),
    )
    .about(
        "performance",
        "Get statistics of the machine, the requests and the cache",
    ),
    get(
        "/api/performance/api",
        DASHBOARD,
        api,
        Gives::Json(of::<ApiPerformance>()),
    )
    .about(
        "performance",
        "Get request statistics of one route or of all routes",
    )
    .takes(API),
    now(Verb::Post, "/api/performance/optimize", ADMIN, optimise)
        .gives(Gives::Json(of::<Optimisation>()))
        .about(
            "performance",
            "Remove expired cache entries and old call records",
        ),
    get(
        "/api/performance/optimize",
        ADMIN,
        optimise_dry,
        Gives::Json(of::<Optimisation>()),
    )
    .about("performance", "Show what a POST would remove"),
    get(
        "/api/performance/cache/stats",
        DASHBOARD,
        cache_stats,
        Gives::Json(of::<CacheStats>()),
    )
    .about("performance", "Get cache statistics"),
    get(
        "/api/performance/cache",
        ADMIN,
        cache_stats,
        Gives::Json(of::<CacheStats>()),
    )
    .about("performance", "Get cache statistics (alias)"),
    now(Verb::Delete, "/api/performance/cache", ADMIN, clear_cache)
        .gives(SUCCESS)
        .about("performance", "Clear the cache"),
];

const ENDPOINT: Param = Param::optional(
    Location::Query,
    "endpoint",
    Kind::Text,
    "Route template, e.g. /api/alerts; all routes when absent",
);

/// Parameters of `GET /api/performance/api`.
pub(crate) const API: &[Param] = &[ENDPOINT];

/// Contract 2.13.
#[derive(Serialize, ToSchema)]
pub(crate) struct CacheStats {
    /// Entries held.
    total_entries: usize,
    /// Entries that have not expired.
    active_entries: usize,
    /// Sum of the hits of the entries present.
    total_hits: u64,
    /// Bytes of the entries.
    total_size_bytes: usize,
    /// The same in megabytes.
    total_size_mb: f64,
    /// Share of the questions that the cache answered.
    hit_rate_percent: f64,
    /// Questions that the cache could not answer.
    total_misses: u64,
    /// Most entries.
    capacity: usize,
    /// Entries that gave way to others.
    evictions: u64,
}

impl CacheStats {
    /// Of the cache now.
    pub(crate) fn of(app: &App) -> CacheStats {
        let counters = app.responses.stats();
        CacheStats {
            total_hits: counters.entry_hits,
            ..CacheStats::with_lookups(&counters)
        }
    }

    /// As the summary shows them: hits are look-ups that hit, since start.
    fn with_lookups(counters: &Counters) -> CacheStats {
        CacheStats {
            total_entries: counters.total_entries,
            active_entries: counters.active_entries,
            total_hits: counters.hits,
            total_size_bytes: counters.size_bytes,
            total_size_mb: mb(counters.size_bytes as u64),
            hit_rate_percent: percent(counters.hits, counters.hits + counters.misses),
            total_misses: counters.misses,
            capacity: counters.capacity,
            evictions: counters.evictions,
        }
    }
}

/// Statistics of one route, or of all.
#[derive(Serialize, ToSchema)]
pub(crate) struct ApiPerformance {
    /// Requests answered.
    call_count: u64,
    #[serde(flatten)]
    #[schema(schema_with = scalars::optional::<Measured>)]
    measured: Option<Measured>,
}

/// Absent until there was a call.
#[derive(Serialize, ToSchema)]
struct Measured {
    /// Share of the answers below 400, in percent.
    success_rate: f64,
    /// Mean time to answer.
    avg_duration_ms: f64,
    /// Shortest time to answer.
    min_duration_ms: f64,
    /// Longest time to answer.
    max_duration_ms: f64,
    /// Half of the answers took at most this.
    p50_ms: f64,
    /// 95 % of the answers took at most this.
    p95_ms: f64,
    /// 99 % of the answers took at most this.
    p99_ms: f64,
    /// Answers of 400 and above.
    total_errors: u64,
}

impl From<&RouteStats> for ApiPerformance {
    fn from(stats: &RouteStats) -> ApiPerformance {
        let measured = (stats.calls > 0).then(|| Measured {
            success_rate: percent(stats.calls.saturating_sub(stats.errors), stats.calls),
            avg_duration_ms: duration_ms(stats.mean_ms),
            min_duration_ms: duration_ms(stats.min_ms),
            max_duration_ms: duration_ms(stats.max_ms),
            p50_ms: duration_ms(stats.p50_ms),
            p95_ms: duration_ms(stats.p95_ms),
            p99_ms: duration_ms(stats.p99_ms),
            total_errors: stats.errors,
        });
        ApiPerformance {
            call_count: stats.calls,
            measured,
        }
    }
}

/// Two decimals, but never zero for something that took time: a cached answer
/// takes microseconds, and "0.00 ms" would read as "not measured".
fn duration_ms(ms: f64) -> f64 {
    if ms < 0.01 {
        (ms * 1e4).round() / 1e4
    } else {
        round2(ms)
    }
}

#[derive(Serialize, ToSchema)]
struct Application {
    /// Requests answered since the start.
    total_requests: u64,
    /// Answers of 400 and above.
    total_errors: u64,
    /// Share of the answers of 400 and above.
    error_rate_percent: f64,
    /// Seconds since the gateway started.
    uptime_seconds: u64,
}

/// Contract 6.1.
#[derive(Serialize, ToSchema)]
pub(crate) struct PerformanceSummary<'a> {
    system: SystemPerformance,
    /// Requests altogether.
    application: Application,
    cache: CacheStats,
    /// Requests by route.
    api_endpoints: &'a BTreeMap<&'static str, ApiPerformance>,
    /// The same again, under the name another client reads.
    api_metrics: &'a BTreeMap<&'static str, ApiPerformance>,
    timestamp: Ts,
}

/// `GET /api/performance/summary`
pub(crate) fn summary(call: &mut Call) -> Outcome {
    let app = &call.app;
    let performance = app.performance()?;
    Ok(app
        .responses
        .answer(format_args!("performance/summary"), GAUGES_TTL, || {
            let total = performance.total();
            let routes: BTreeMap<_, _> = performance
                .routes()
                .iter()
                .map(|(path, stats)| (*path, ApiPerformance::from(stats)))
                .collect();
            respond::render(&PerformanceSummary {
                system: SystemPerformance::of(&performance.system(), app.uptime_s()),
                application: Application {
                    total_requests: total.calls,
                    total_errors: total.errors,
                    error_rate_percent: percent(total.errors, total.calls),
                    uptime_seconds: app.uptime_s(),
                },
                cache: CacheStats::with_lookups(&app.responses.stats()),
                api_endpoints: &routes,
                api_metrics: &routes,
                timestamp: Ts::now(),
            })
        }))
}

/// `GET /api/performance/api`
pub(crate) fn api(call: &mut Call) -> Outcome {
    let endpoint = call.inputs.text(&ENDPOINT);
    call.inputs.finish()?;
    let performance = call.app.performance()?;
    let stats = match endpoint {
        None => performance.total(),
        Some(endpoint) => performance.route(&endpoint).unwrap_or_default(),
    };
    Ok(respond::json(&ApiPerformance::from(&stats)))
}

/// What an optimisation did.
#[derive(Serialize, ToSchema)]
pub(crate) struct Optimisation {
    /// One line for each action that had an effect.
    optimizations_performed: Vec<String>,
    /// How many actions had an effect.
    total_optimizations: usize,
    timestamp: Ts,
}

/// `POST /api/performance/optimize`
pub(crate) fn optimise(call: &mut Call) -> Outcome {
    run_optimise(call, false)
}

/// `GET /api/performance/optimize`: says what the POST would do.
pub(crate) fn optimise_dry(call: &mut Call) -> Outcome {
    run_optimise(call, true)
}

fn run_optimise(call: &Call, dry_run: bool) -> Outcome {
    let performance = call.app.performance()?;
    let now = Mono::now();
    let (entries, calls) = (
        call.app.responses.purge_expired(now, dry_run),
        performance.optimise(now, dry_run),
    );
    let verb = if dry_run { "Would drop" } else { "Dropped" };
    let performed: Vec<String> = [
        (entries, "expired cache entries"),
        (calls, "API call records older than 1 hour"),
    ]
    .iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| format!("{verb} {count} {what}"))
    .collect();
    Ok(respond::json(&Optimisation {
        total_optimizations: performed.len(),
        optimizations_performed: performed,
        timestamp: Ts::now(),
    }))
}

/// `GET /api/performance/cache/stats` and its alias.
pub(crate) fn cache_stats(call: &mut Call) -> Outcome {
    Ok(respond::json(&CacheStats::of(&call.app)))
}

/// `DELETE /api/performance/cache`
pub(crate) fn clear_cache(call: &mut Call) -> Outcome {
    let dropped = call.app.responses.clear();
    Ok(respond::json(&SuccessResponse::new(format!(
        "Cache cleared: {dropped} entries"
    ))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_route_without_calls_has_a_count_and_nothing_else() {
        let none =
            serde_json::to_value(ApiPerformance::from(&RouteStats::default())).expect("serialises");
        assert_eq!(none, serde_json::json!({"call_count": 0}));
        let stats = RouteStats {
            calls: 3,
            errors: 1,
            mean_ms: 0.0042,
            p99_ms: 1.239,
            ..RouteStats::default()
        };
        let some = serde_json::to_value(ApiPerformance::from(&stats)).expect("serialises");
        assert_eq!(some["success_rate"], 66.67);
        assert_eq!(some["avg_duration_ms"], 0.0042);
        assert_eq!(some["p99_ms"], 1.24);
    }
}
