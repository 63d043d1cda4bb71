//! Performance, dashboard, system: what the gateway says of itself.

use super::{ADMIN, DASHBOARD, READ, SUCCESS, WRITE, get, now};
use crate::http::route::{Gives, Policy, Route, Run, Verb, list_of, of};
use crate::routes::dashboard;
use crate::routes::dashboard::MetricsHistory;
use crate::routes::drone_views::DroneStatus;
use crate::routes::health;
use crate::routes::machine::HostPerformance;
use crate::routes::network;
use crate::routes::network_views;
use crate::routes::performance;
use crate::routes::performance::PerformanceSummary;
use crate::routes::root;
use crate::routes::samples;
use crate::routes::service_health;
use crate::routes::system;
use crate::routes::update;
use access::RateClass;

pub(super) const ROUTES: &[Route] = &[
    get(
        "/",
        Policy::Open,
        root::index,
        Gives::Json(of::<root::Root>),
    )
    .class(RateClass::Root)
    .about("root", "What this server is"),
    get(
        "/health",
        Policy::Open,
        root::health,
        Gives::Json(of::<root::Health>),
    )
    .class(RateClass::Health)
    .about("root", "Whether the process serves requests"),
    // Performance and health.
    get(
        "/api/performance/summary",
        DASHBOARD,
        performance::summary,
        Gives::Json(of::<PerformanceSummary<'_>>),
    )
    .about("performance", "Machine, requests and cache"),
    get(
        "/api/performance/metrics",
        DASHBOARD,
        samples::metrics,
        Gives::Json(of::<samples::MetricList>),
    )
    .about("performance", "Recorded samples, oldest first")
    .takes(samples::METRICS),
    get(
        "/api/performance/api",
        DASHBOARD,
        performance::api,
        Gives::Json(of::<performance::ApiPerformance>),
    )
    .about("performance", "Request statistics of one route or of all")
    .takes(performance::API),
    now(
        Verb::Post,
        "/api/performance/optimize",
        ADMIN,
        performance::optimise,
    )
    .gives(Gives::Json(of::<performance::Optimisation>))
    .about("performance", "Drop what has expired"),
    get(
        "/api/performance/optimize",
        ADMIN,
        performance::optimise_dry,
        Gives::Json(of::<performance::Optimisation>),
    )
    .about("performance", "What POST would drop"),
    get(
        "/api/performance/cache/stats",
        DASHBOARD,
        performance::cache_stats,
        Gives::Json(of::<performance::CacheStats>),
    )
    .about("performance", "Cache statistics"),
    get(
        "/api/performance/cache",
        ADMIN,
        performance::cache_stats,
        Gives::Json(of::<performance::CacheStats>),
    )
    .about("performance", "Cache statistics (alias)"),
    now(
        Verb::Delete,
        "/api/performance/cache",
        ADMIN,
        performance::clear_cache,
    )
    .gives(SUCCESS)
    .about("performance", "Clear the cache"),
    get(
        "/api/health/detailed",
        DASHBOARD,
        health::detailed,
        Gives::Json(of::<health::DetailedHealth>),
    )
    .about("health", "Health score with its parts"),
    // Dashboard.
    get(
        "/api/dashboard/system",
        Policy::Dashboard,
        dashboard::system,
        Gives::Json(of::<dashboard::SystemStatus>),
    )
    .about("dashboard", "System status"),
    get(
        "/api/dashboard/drones",
        Policy::Dashboard,
        dashboard::drones,
        Gives::Json(list_of::<DroneStatus>),
    )
    .about("dashboard", "Status of every drone"),
    get(
        "/api/dashboard/metrics/history",
        Policy::Dashboard,
        dashboard::history,
        Gives::Json(of::<MetricsHistory>),
    )
    .about("dashboard", "Processor and memory by the minute")
    .takes(dashboard::HISTORY),
    get(
        "/api/dashboard/health",
        Policy::Dashboard,
        service_health::service_health,
        Gives::Json(of::<service_health::ServiceHealth>),
    )
    .about("dashboard", "Health of the services"),
    get(
        "/api/dashboard/performance",
        Policy::Dashboard,
        dashboard::performance,
        Gives::Json(of::<HostPerformance>),
    )
    .about("dashboard", "The machine in detail"),
    get(
        "/api/dashboard/overview",
        Policy::Dashboard,
        dashboard::overview,
        Gives::Json(of::<dashboard::Overview>),
    )
    .about("dashboard", "Overview"),
    get(
        "/api/dashboard/alerts",
        Policy::Dashboard,
        dashboard::alerts,
        Gives::Json(of::<dashboard::DerivedAlerts>),
    )
    .about("dashboard", "Conditions seen now"),
    // System.
    get(
        "/api/system/health",
        READ,
        system::health,
        Gives::Json(of::<system::SystemHealth>),
    )
    .about("system", "Services by name"),
    get(
        "/api/system/status",
        READ,
        system::status,
        Gives::Json(of::<system::SystemReport>),
    )
    .about("system", "System status with services and drones"),
    get(
        "/api/system/network-status",
        READ,
        network::status,
        Gives::Json(of::<network_views::NetworkStatus>),
    )
    .about(
        "network",
        "How the search for drones goes, and what it found",
    ),
    now(
        Verb::Post,
        "/api/system/auto-scan/start",
        WRITE,
        network::start_auto,
    )
    .about("network", "Search at an interval from now on")
    .takes(network::AUTO_SCAN),
    now(
        Verb::Post,
        "/api/system/auto-scan/stop",
        WRITE,
        network::stop_auto,
    )
    .about("network", "Search no more by itself"),
    get(
        "/api/system/update",
        ADMIN,
        update::status,
        Gives::Json(of::<update::UpdateStatus>),
    )
    .about(
        "update",
        "How the last update of the system went, and what runs in which slot",
    )
    .also(&["501"]),
    Route::new(
        Verb::Post,
        "/api/system/update",
        ADMIN,
        Run::Stream(update::upload),
        SUCCESS,
    )
    .about(
        "update",
        "Upload a signed bundle as the body; it is verified, installed and tried by itself",
    )
    .takes(update::UPLOAD)
    .may_conflict()
    .also(&["411", "413", "501", "507"]),
    now(Verb::Delete, "/api/system/update", ADMIN, update::cancel)
        .about("update", "Give up the upload that goes on")
        .may_conflict(),
];
