//! The table of routes, and the router made from it.
//!
//! Every fact about a route stands in one row of [`ROUTES`]: the gate reads
//! who may call it and how often, the handlers' parameters are checked by the
//! descriptions in it, the OpenAPI document prints it.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::routing::any;
use futures_util::future::BoxFuture;
use http::{HeaderValue, Method};

use crate::http::gate::{self, Call};
use crate::http::openapi;
use crate::http::respond::SuccessResponse;
use crate::http::route::{Gives, Outcome, Policy, Route, Run, Verb, list_of, of};
use crate::http::state::App;
use crate::http::validate::Param;
use crate::live::events;
use crate::live::video;
use crate::performance::RouteId;
use crate::routes::alerts;
use crate::routes::camera;
use crate::routes::dashboard;
use crate::routes::dashboard::{MetricsHistory, ServiceHealth};
use crate::routes::down_all;
use crate::routes::drone_command::{self, CommandResult};
use crate::routes::drone_views::{Drone, DroneStatus, TypeInfo};
use crate::routes::flight;
use crate::routes::frame;
use crate::routes::health;
use crate::routes::lockouts;
use crate::routes::machine::HostPerformance;
use crate::routes::metrics;
use crate::routes::network;
use crate::routes::pages;
use crate::routes::performance;
use crate::routes::performance::PerformanceSummary;
use crate::routes::root;
use crate::routes::rules;
use crate::routes::samples;
use crate::routes::security;
use crate::routes::system;
use crate::routes::update;
use crate::routes::upstream;
use access::{Permission, RateClass};

const ADMIN: Policy = Policy::Needs(Permission::Admin);
const DASHBOARD: Policy = Policy::Needs(Permission::Dashboard);
const READ: Policy = Policy::Strict(Permission::Read);
const WRITE: Policy = Policy::Strict(Permission::Write);
const RESPOND: Policy = Policy::Strict(Permission::Respond);
const SUCCESS: Gives = Gives::Json(of::<SuccessResponse>);
const HTML: Gives = Gives::Media(&["text/html"]);

const fn now(
    verb: Verb,
    path: &'static str,
    policy: Policy,
    handler: fn(&mut Call) -> Outcome,
) -> Route {
    Route::new(verb, path, policy, Run::Now(handler), SUCCESS)
}

const fn later(
    verb: Verb,
    path: &'static str,
    policy: Policy,
    handler: fn(Call) -> BoxFuture<'static, Outcome>,
    gives: Gives,
) -> Route {
    Route::new(verb, path, policy, Run::Later(handler), gives)
}

/// A route of the upstream's; what it takes is checked here.
const fn passed_on(verb: Verb, path: &'static str, params: &'static [Param]) -> Route {
    let policy = if matches!(verb, Verb::Get) {
        READ
    } else {
        WRITE
    };
    Route::new(
        verb,
        path,
        policy,
        Run::Later(upstream::forward),
        Gives::Forwarded,
    )
    .takes(params)
}

/// The same for bodies that are passed on as they come.
const fn streamed_on(
    path: &'static str,
    params: &'static [Param],
    handler: fn(Call, Body) -> BoxFuture<'static, Outcome>,
) -> Route {
    Route::new(
        Verb::Post,
        path,
        WRITE,
        Run::Stream(handler),
        Gives::Forwarded,
    )
    .takes(params)
}

const fn get(
    path: &'static str,
    policy: Policy,
    handler: fn(&mut Call) -> Outcome,
    gives: Gives,
) -> Route {
    Route::new(Verb::Get, path, policy, Run::Now(handler), gives)
}

/// Every route.
pub(crate) static ROUTES: &[Route] = &[
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
    // Security administration.
    get(
        "/api/security/api-keys",
        ADMIN,
        security::list,
        Gives::Json(of::<security::KeyList>),
    )
    .about("security", "List API keys by preview"),
    later(
        Verb::Post,
        "/api/security/api-keys",
        ADMIN,
        security::create,
        Gives::Json(of::<security::CreatedKey>),
    )
    .about("security", "Create an API key; the answer shows it once")
    .takes(security::CREATE)
    .may_conflict(),
    later(
        Verb::Delete,
        "/api/security/api-keys/{api_key}",
        ADMIN,
        security::revoke,
        SUCCESS,
    )
    .about("security", "Revoke an API key")
    .takes(security::REVOKE),
    get(
        "/api/security/config",
        ADMIN,
        security::config,
        Gives::Json(of::<security::SecurityConfig>),
    )
    .about("security", "What protects the running gateway"),
    get(
        "/api/security/audit",
        ADMIN,
        security::audit,
        Gives::Json(of::<security::AuditTrail>),
    )
    .about("security", "Security events, newest first")
    .takes(security::AUDIT),
    get(
        "/api/security/lockouts",
        ADMIN,
        lockouts::list,
        Gives::Json(of::<lockouts::Lockouts>),
    )
    .about("security", "Addresses locked out after wrong keys"),
    now(
        Verb::Delete,
        "/api/security/lockouts/{address}",
        ADMIN,
        lockouts::lift,
    )
    .about("security", "Lift the lock-out of an address")
    .takes(lockouts::LIFT),
    now(
        Verb::Post,
        "/api/ws-ticket",
        Policy::Needs(Permission::Read),
        security::ticket,
    )
    .gives(Gives::Json(of::<security::WsTicket>))
    .about("security", "A one-time ticket for the WebSocket hand-shake"),
    // Alerts.
    get(
        "/api/alerts",
        DASHBOARD,
        alerts::list,
        Gives::Json(of::<alerts::AlertList<'_>>),
    )
    .about("alerts", "Alerts, newest first")
    .takes(alerts::LIST),
    get(
        "/api/alerts/summary",
        DASHBOARD,
        alerts::summary,
        Gives::Json(of::<alerts::AlertSummary>),
    )
    .about("alerts", "Counts of alerts"),
    later(
        Verb::Post,
        "/api/alerts/{alert_id}/acknowledge",
        Policy::Respond,
        alerts::acknowledge,
        SUCCESS,
    )
    .about("alerts", "Acknowledge an alert")
    .takes(alerts::ONE),
    later(
        Verb::Post,
        "/api/alerts/{alert_id}/resolve",
        Policy::Respond,
        alerts::resolve,
        SUCCESS,
    )
    .about("alerts", "Resolve an alert")
    .takes(alerts::ONE),
    get(
        "/api/alerts/rules",
        DASHBOARD,
        rules::list,
        Gives::Json(of::<rules::RuleList>),
    )
    .about("alerts", "Rules in effect"),
    later(
        Verb::Post,
        "/api/alerts/rules",
        ADMIN,
        rules::create,
        Gives::Json(of::<rules::AlertRule>),
    )
    .about("alerts", "Add a rule")
    .takes(rules::CREATE)
    .may_conflict(),
    later(
        Verb::Put,
        "/api/alerts/rules/{name}",
        ADMIN,
        rules::replace,
        Gives::Json(of::<rules::AlertRule>),
    )
    .about("alerts", "Add or replace a rule")
    .takes(rules::REPLACE)
    .may_conflict(),
    later(
        Verb::Delete,
        "/api/alerts/rules/{name}",
        ADMIN,
        rules::remove,
        SUCCESS,
    )
    .about("alerts", "Remove a rule")
    .takes(rules::REMOVE),
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
        dashboard::service_health,
        Gives::Json(of::<ServiceHealth>),
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
        Gives::Json(of::<network::NetworkStatus>),
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
    // Drones.
    get(
        "/api/drones",
        READ,
        flight::list,
        Gives::Json(list_of::<Drone>),
    )
    .about("drones", "Every drone"),
    get(
        "/api/drones/status",
        READ,
        flight::statuses,
        Gives::Json(list_of::<DroneStatus>),
    )
    .about("drones", "Status of every drone"),
    later(
        Verb::Post,
        "/api/drones/scan",
        WRITE,
        network::scan,
        Gives::Json(of::<network::ScanResult>),
    )
    .about(
        "drones",
        "Which drones are there: simulated ones, and real ones by a search",
    ),
    later(
        Verb::Post,
        "/api/drones/land-all",
        WRITE,
        down_all::land,
        Gives::Json(of::<down_all::DownAll>),
    )
    .about("drones", "Land every drone; a result for each"),
    later(
        Verb::Post,
        "/api/drones/stop-all",
        WRITE,
        down_all::stop,
        Gives::Json(of::<down_all::DownAll>),
    )
    .about("drones", "Stop every drone where it is; a result for each"),
    later(
        Verb::Post,
        "/api/drones/emergency-all",
        WRITE,
        down_all::emergency,
        Gives::Json(of::<down_all::DownAll>),
    )
    .about(
        "drones",
        "Stop the motors of every drone at once; a result for each",
    ),
    later(
        Verb::Get,
        "/api/drones/detect",
        READ,
        network::detect,
        Gives::Json(list_of::<network::DetectedDrone>),
    )
    .about("network", "Search the configured ranges for real drones")
    .takes(network::DETECT),
    later(
        Verb::Post,
        "/api/drones/verify-connection",
        WRITE,
        network::verify,
        Gives::Json(of::<network::ConnectionCheck>),
    )
    .about("network", "Ask one address whether a drone is there")
    .takes(network::VERIFY),
    get(
        "/api/drones/{drone_id}",
        READ,
        flight::one,
        Gives::Json(of::<Drone>),
    )
    .about("drones", "One drone")
    .takes(flight::ONE),
    get(
        "/api/drones/{drone_id}/status",
        READ,
        flight::status,
        Gives::Json(of::<DroneStatus>),
    )
    .about("drones", "Status of one drone")
    .takes(flight::ONE),
    get(
        "/api/drones/{drone_id}/type-info",
        READ,
        flight::type_info,
        Gives::Json(of::<TypeInfo>),
    )
    .about("drones", "What is behind a drone: real or simulated")
    .takes(flight::ONE),
    later(
        Verb::Post,
        "/api/drones/{drone_id}/connect",
        WRITE,
        flight::connect,
        SUCCESS,
    )
    .about(
        "drones",
        "Connect a drone; in mode auto a simulator stands in for one that is not there",
    )
    .takes(flight::ONE)
    .may_conflict(),
    later(
        Verb::Post,
        "/api/drones/{drone_id}/disconnect",
        WRITE,
        flight::disconnect,
        SUCCESS,
    )
    .about("drones", "Expect nothing of a drone any more")
    .takes(flight::ONE),
    later(
        Verb::Post,
        "/api/drones/{drone_id}/takeoff",
        WRITE,
        flight::takeoff,
        SUCCESS,
    )
    .about("drones", "Take off and hover")
    .takes(flight::MANOEUVRE),
    later(
        Verb::Post,
        "/api/drones/{drone_id}/land",
        RESPOND,
        flight::land,
        SUCCESS,
    )
    .about("drones", "Land; overtakes what waits")
    .takes(flight::MANOEUVRE),
    later(
        Verb::Post,
        "/api/drones/{drone_id}/stop",
        RESPOND,
        flight::stop,
        SUCCESS,
    )
    .about("drones", "Stop and hover; overtakes what waits")
    .takes(flight::MANOEUVRE),
    later(
        Verb::Post,
        "/api/drones/{drone_id}/emergency",
        RESPOND,
        flight::emergency,
        SUCCESS,
    )
    .about("drones", "Stop the motors at once, wherever the drone is")
    .takes(flight::MANOEUVRE),
    later(
        Verb::Post,
        "/api/drones/{drone_id}/move",
        WRITE,
        flight::straight,
        SUCCESS,
    )
    .about("drones", "Fly straight")
    .takes(flight::MOVE),
    later(
        Verb::Post,
        "/api/drones/{drone_id}/rotate",
        WRITE,
        flight::rotate,
        SUCCESS,
    )
    .about("drones", "Turn")
    .takes(flight::ROTATE),
    later(
        Verb::Post,
        "/api/drones/{drone_id}/camera/stream/start",
        WRITE,
        camera::stream_on,
        SUCCESS,
    )
    .about("drones", "Have the drone send video")
    .takes(flight::ONE)
    .also(&["400"]),
    later(
        Verb::Post,
        "/api/drones/{drone_id}/camera/stream/stop",
        WRITE,
        camera::stream_off,
        SUCCESS,
    )
    .about("drones", "Have the drone send no more video")
    .takes(flight::ONE)
    .also(&["400"]),
    later(
        Verb::Post,
        "/api/drones/{drone_id}/camera/photo",
        WRITE,
        camera::photo,
        Gives::Json(of::<camera::PhotoView>),
    )
    .about(
        "drones",
        "Take a photo; without a running stream one is begun for it",
    )
    .takes(flight::ONE)
    .also(&["400"]),
    get(
        "/api/drones/{drone_id}/camera",
        READ,
        camera::status,
        Gives::Json(of::<camera::CameraStatus>),
    )
    .about("drones", "What the camera of a drone sends now")
    .takes(flight::ONE),
    later(
        Verb::Get,
        "/api/drones/{drone_id}/camera/frame",
        READ,
        frame::newest,
        Gives::Media(&["video/h264", "image/jpeg"]),
    )
    .about(
        "drones",
        "The newest whole picture: video/h264, or image/jpeg if asked for; 204 when none is newer",
    )
    .takes(frame::FRAME)
    .may_conflict()
    .also(&["204"]),
    get(
        "/api/photos",
        READ,
        camera::list,
        Gives::Json(of::<camera::PhotoList>),
    )
    .about("photos", "Every photo kept"),
    later(
        Verb::Get,
        "/photos/{filename}",
        READ,
        camera::file,
        Gives::Media(&["image/jpeg", "video/h264"]),
    )
    .about(
        "photos",
        "A photo: image/jpeg, or video/h264 for a still that was not decoded",
    )
    .takes(camera::FILE),
    later(
        Verb::Post,
        "/api/drones/{drone_id}/command",
        WRITE,
        drone_command::command,
        Gives::Json(of::<CommandResult>),
    )
    .about("drones", "A command by name, in metres or in centimetres")
    .takes(drone_command::COMMAND),
    // Vision, datasets, models: the upstream's.
    streamed_on(
        "/api/vision/detection",
        upstream::DETECTION,
        upstream::detect,
    )
    .about("vision", "Find things in an image"),
    passed_on(Verb::Post, "/api/vision/tracking/start", upstream::TRACKING)
        .about("vision", "Have a drone follow what is detected"),
    passed_on(Verb::Post, "/api/vision/tracking/stop", &[]).about("vision", "Follow no more"),
    passed_on(Verb::Get, "/api/vision/tracking/status", &[]).about("vision", "What is followed"),
    passed_on(Verb::Get, "/api/vision/datasets", &[]).about("datasets", "Every dataset"),
    passed_on(Verb::Post, "/api/vision/datasets", upstream::NEW_DATASET)
        .about("datasets", "Make a dataset"),
    passed_on(
        Verb::Get,
        "/api/vision/datasets/{dataset_id}",
        upstream::DATASET,
    )
    .about("datasets", "One dataset"),
    passed_on(
        Verb::Delete,
        "/api/vision/datasets/{dataset_id}",
        upstream::DATASET,
    )
    .about("datasets", "Delete a dataset"),
    streamed_on(
        "/api/vision/datasets/{dataset_id}/images",
        upstream::IMAGE,
        upstream::upload,
    )
    .about("datasets", "Add an image to a dataset"),
    passed_on(Verb::Get, "/api/models", &[]).about("models", "Every model"),
    passed_on(Verb::Post, "/api/models", upstream::TRAINING).about("models", "Train a model"),
    passed_on(Verb::Get, "/api/models/training", &[]).about("models", "Every training"),
    passed_on(Verb::Get, "/api/models/training/active", &[])
        .about("models", "Trainings queued or running"),
    passed_on(Verb::Get, "/api/models/statistics", &[])
        .about("models", "Counts of models and trainings"),
    passed_on(Verb::Get, "/api/models/training/{job_id}", upstream::JOB)
        .about("models", "One training"),
    passed_on(
        Verb::Post,
        "/api/models/training/{job_id}/cancel",
        upstream::JOB,
    )
    .about("models", "End a training"),
    passed_on(Verb::Get, "/api/models/{model_id}", upstream::MODEL).about("models", "One model"),
    passed_on(Verb::Delete, "/api/models/{model_id}", upstream::MODEL)
        .about("models", "Delete a model"),
    // Live, machine-readable, pages.
    later(
        Verb::Get,
        "/ws",
        Policy::Socket,
        events::connect,
        Gives::Upgrade,
    )
    .about("live", "WebSocket with replies and broadcasts")
    .takes(events::CONNECT),
    later(
        Verb::Get,
        "/ws/video/{drone_id}",
        Policy::Socket,
        video::watch,
        Gives::Upgrade,
    )
    .about(
        "live",
        "The camera of a drone: H.264 frames (Annex B), one a binary message",
    )
    .takes(video::WATCH),
    get(
        "/metrics",
        Policy::Metrics,
        metrics::metrics,
        Gives::Media(&["application/openmetrics-text"]),
    )
    .about("operations", "Figures for Prometheus"),
    get(
        "/openapi.json",
        Policy::Open,
        openapi::document,
        Gives::Media(&["application/json"]),
    )
    .about("documents", "This description"),
    get("/docs", Policy::Open, pages::docs, HTML).about("documents", "This description as a page"),
    get("/redoc", Policy::Open, pages::docs, HTML).about("documents", "The same page"),
    get("/dashboard", Policy::Open, pages::dashboard, HTML)
        .class(RateClass::Dashboard)
        .about("pages", "The dashboard"),
    get("/ui", Policy::Open, pages::dashboard, HTML)
        .class(RateClass::Ui)
        .about("pages", "The dashboard"),
    get(
        "/static/{file}",
        Policy::Open,
        pages::file,
        Gives::Media(&["application/octet-stream"]),
    )
    .about("pages", "Files of the pages")
    .takes(pages::FILE),
    get(
        "/styles.css",
        Policy::Open,
        pages::styles,
        Gives::Media(&["text/css"]),
    )
    .about("pages", "Style of the dashboard"),
    get(
        "/dashboard.js",
        Policy::Open,
        pages::script,
        Gives::Media(&["text/javascript"]),
    )
    .about("pages", "Script of the dashboard"),
];

/// One path with its methods.
pub(crate) struct Entry {
    /// Path with `{parameters}`.
    pub(crate) path: &'static str,
    /// Index in the statistics.
    pub(crate) id: RouteId,
    /// Its routes.
    pub(crate) routes: Vec<&'static Route>,
    /// Value of `Allow`.
    pub(crate) allow: HeaderValue,
    /// Whether the path has a parameter.
    pub(crate) has_param: bool,
}

impl Entry {
    /// The route for `method`; `HEAD` is served by `GET`.
    pub(crate) fn route(&self, method: &Method) -> Option<&'static Route> {
        let asked = if method == Method::HEAD {
            &Method::GET
        } else {
            method
        };
        self.routes
            .iter()
            .copied()
            .find(|route| route.verb.method() == *asked)
    }
}

static TABLE: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    let mut table: Vec<Entry> = Vec::new();
    for route in ROUTES {
        match table.iter_mut().find(|entry| entry.path == route.path) {
            Some(entry) => entry.routes.push(route),
            None => table.push(Entry {
                path: route.path,
                id: RouteId(table.len() as u16),
                routes: vec![route],
                allow: HeaderValue::from_static(""),
                has_param: route.path.contains('{'),
            }),
        }
    }
    for entry in &mut table {
        entry.allow = allow(&entry.routes);
    }
    table
});

fn allow(routes: &[&Route]) -> HeaderValue {
    let mut names: Vec<&str> = routes.iter().map(|route| route.verb.name()).collect();
    if names.contains(&"GET") {
        names.push("HEAD");
    }
    names.push("OPTIONS");
    HeaderValue::from_str(&names.join(", ")).unwrap_or(HeaderValue::from_static("OPTIONS"))
}

/// Statistics of requests whose path does not exist.
const UNROUTED: &str = "(unknown)";

/// Path templates in order of their [`RouteId`], for the statistics.
#[must_use]
pub fn templates() -> Vec<&'static str> {
    TABLE
        .iter()
        .map(|entry| entry.path)
        .chain([UNROUTED])
        .collect()
}

/// The [`RouteId`] of requests whose path does not exist.
pub(crate) fn unrouted() -> RouteId {
    RouteId(TABLE.len() as u16)
}

/// Whether some route has this path; parameters match any one segment.
pub(crate) fn exists(path: &str) -> bool {
    TABLE.iter().any(|entry| {
        let (mut known, mut asked) = (entry.path.split('/'), path.split('/'));
        loop {
            match (known.next(), asked.next()) {
                (None, None) => return true,
                (Some(k), Some(a)) if k == a || (k.starts_with('{') && !a.is_empty()) => {}
                _ => return false,
            }
        }
    })
}

/// The whole API as a router.
pub fn router(app: Arc<App>) -> Router {
    let handler = |entry: Option<&'static Entry>, app: &Arc<App>| {
        let app = Arc::clone(app);
        move |request: Request| gate::serve(Arc::clone(&app), entry, request)
    };
    let mut router = Router::new();
    for entry in TABLE.iter() {
        router = router.route(entry.path, any(handler(Some(entry), &app)));
    }
    router.fallback(handler(None, &app))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_found_by_their_templates() {
        assert!(exists("/") && exists("/health"));
        assert!(!exists("//evil.example") && !exists("/nowhere") && !exists("/health/x"));
    }

    #[test]
    fn no_method_of_a_path_stands_twice() {
        for entry in TABLE.iter() {
            for (index, route) in entry.routes.iter().enumerate() {
                assert!(
                    entry.routes[..index]
                        .iter()
                        .all(|other| other.verb != route.verb),
                    "{}",
                    entry.path
                );
            }
        }
    }
}
