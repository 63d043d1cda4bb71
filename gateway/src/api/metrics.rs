//! `/metrics`: what every room counts, for Prometheus.
//!
//! Permission `read`, or none on the loopback metrics listener. Readings that
//! are not known are left out, never zero.

use std::fmt::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::HeaderValue;

use super::envelope::ApiError;
use super::exposition::{self, Labels, Page};
use super::gate::Call;
use super::latency::BOUNDS_S;
use super::respond;
use super::route::Outcome;
use super::routes;
use super::scalars::round2;
use super::state::{App, Service};
use crate::performance::RouteId;
use crate::sources::tello::{DroneView, LinkState};
use readings::clock::Mono;

/// The media type of OpenMetrics text.
static OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");

/// `GET /metrics`
pub(super) fn metrics(call: &mut Call) -> Outcome {
    let app = Arc::clone(&call.app);
    let text = exposition::page(move |page| fill(&app, page)).map_err(|_| ApiError::internal())?;
    Ok(respond::typed(OPEN_METRICS.clone(), text.into()))
}

fn fill(app: &App, page: &mut Page<'_>) -> Result<(), Error> {
    build(app, page)?;
    machine(app, page)?;
    requests(app, page)?;
    connections(app, page)?;
    access(app, page)?;
    storage(app, page)?;
    alerts(app, page)?;
    drones(app, page)?;
    // Rooms that the API does not know report for themselves.
    app.more_metrics.iter().try_for_each(|room| room(page))
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

fn build(app: &App, page: &mut Page<'_>) -> Result<(), Error> {
    let version: [(&str, &str); 1] = [("version", env!("CARGO_PKG_VERSION"))];
    page.gauges(
        "build_info",
        "The gateway that runs",
        [(version.as_slice(), 1.0)],
    )?;
    page.gauge(
        "uptime_seconds",
        "Seconds since the gateway started",
        app.uptime_s() as f64,
    )?;
    let up = |service| f64::from(u8::from(app.services.is_up(service)));
    let services: [(Labels<'_>, f64); 4] = [
        (&[("service", "drones")], up(Service::Drones)),
        (&[("service", "alerts")], up(Service::Alerts)),
        (&[("service", "performance")], up(Service::Performance)),
        (&[("service", "monitoring")], up(Service::Monitoring)),
    ];
    page.gauges("service_up", "1 while the service is up", services)
}

fn machine(app: &App, page: &mut Page<'_>) -> Result<(), Error> {
    let system = app.performance.system();
    let gauges = [
        (
            "board_cpu_usage_percent",
            "Processor use of the board",
            system.cpu_pct(),
        ),
        (
            "board_memory_usage_percent",
            "Memory use of the board",
            system.memory_pct(),
        ),
        (
            "board_disk_usage_percent",
            "Use of the root file system",
            system.disk_pct(),
        ),
        (
            "process_resident_memory_bytes",
            "Resident set of the gateway",
            system.host.own_memory_bytes.map(|bytes| bytes as f64),
        ),
        (
            "board_temperature_celsius",
            "Hottest board temperature",
            system.temperature_c,
        ),
    ];
    for (name, help, value) in gauges {
        // What the machine does not say has no sample.
        if let Some(value) = value {
            page.gauge(name, help, value)?;
        }
    }
    Ok(())
}

fn requests(app: &App, page: &mut Page<'_>) -> Result<(), Error> {
    let templates = routes::templates();
    let labels: Vec<[(&str, &str); 1]> = templates.iter().map(|path| [("route", *path)]).collect();
    let stats = app.performance.routes();
    let errors = stats.iter().filter_map(|(path, stats)| {
        let labels = labels.iter().find(|labels| labels[0].1 == *path)?;
        Some((labels.as_slice(), stats.errors))
    });
    page.counters(
        "http_request_errors",
        "Answers with a status of 400 or more",
        errors,
    )?;
    let histograms = labels.iter().enumerate().filter_map(|(index, labels)| {
        let (sum, count, counts) = app.edge.latencies.read(RouteId(index as u16));
        let bounds = BOUNDS_S.iter().copied().chain([f64::INFINITY]);
        (count > 0).then(|| (labels.as_slice(), sum, count, bounds.zip(counts).collect()))
    });
    page.histograms(
        "http_request_duration_seconds",
        "Time from header to answer",
        histograms,
    )?;
    let own = &app.edge.stats;
    page.counter(
        "http_handler_panics",
        "Handlers that panicked",
        read(&own.panics),
    )?;
    page.counter(
        "http_unrouted_requests",
        "Requests for paths that do not exist",
        read(&own.unrouted),
    )?;
    page.gauge(
        "websocket_clients",
        "WebSocket clients connected",
        read(&own.websockets) as f64,
    )?;
    page.counter(
        "websocket_refused",
        "WebSocket clients refused at the cap",
        read(&own.websockets_refused),
    )?;
    page.counter(
        "websocket_cut",
        "WebSocket clients cut off for not reading",
        read(&own.websockets_cut),
    )?;
    page.counter(
        "websocket_silent",
        "WebSocket clients given up for answering no ping",
        read(&own.websockets_silent),
    )?;
    page.counter(
        "websocket_broadcasts_dropped",
        "Broadcasts lost by slow clients",
        read(&own.broadcasts_dropped),
    )?;
    let (photos, photo_bytes) = app.photos.extent();
    let taken = &app.photos.stats;
    page.gauge("photos", "Photos kept", photos as f64)?;
    page.gauge("photo_bytes", "Bytes of photos kept", photo_bytes as f64)?;
    page.counter("photos_taken", "Photos taken", read(&taken.taken))?;
    page.counter(
        "photos_evicted",
        "Photos removed for newer ones",
        read(&taken.evicted),
    )?;
    page.counter(
        "photos_failed",
        "Photos that could not be taken or kept",
        read(&taken.failed),
    )?;
    page.counter(
        "photos_undecoded",
        "Pictures the decoder could not turn into a JPEG",
        read(&taken.undecoded),
    )?;
    page.counter(
        "video_frames_fetched",
        "Whole pictures fetched one at a time",
        read(&own.frames_fetched),
    )?;
    page.gauge(
        "video_viewers",
        "Viewers of video connected",
        read(&own.viewers) as f64,
    )?;
    page.counter(
        "video_viewers_refused",
        "Viewers of video refused at the cap",
        read(&own.viewers_refused),
    )?;
    page.counter(
        "video_viewers_cut",
        "Viewers of video cut off for not reading",
        read(&own.viewers_cut),
    )?;
    page.counter(
        "websocket_tickets_evicted",
        "Tickets evicted at capacity",
        read(&own.tickets_evicted),
    )
}

fn connections(app: &App, page: &mut Page<'_>) -> Result<(), Error> {
    let server = &app.server;
    page.counter(
        "connections_accepted",
        "Connections accepted",
        read(&server.accepted),
    )?;
    page.gauge(
        "connections_open",
        "Connections open",
        read(&server.open) as f64,
    )?;
    let caps: [(Labels<'_>, u64); 2] = [
        (&[("cap", "total")], read(&server.refused_total_cap)),
        (&[("cap", "address")], read(&server.refused_address_cap)),
    ];
    page.counters("connections_refused", "Connections refused at a cap", caps)?;
    let versions: [(Labels<'_>, u64); 2] = [
        (&[("version", "1.2")], read(&server.handshakes_tls12)),
        (&[("version", "1.3")], read(&server.handshakes_tls13)),
    ];
    page.counters("tls_handshakes", "TLS hand-shakes completed", versions)?;
    page.counter(
        "tls_handshake_failures",
        "TLS hand-shakes that failed",
        read(&server.handshake_failures),
    )?;
    page.counter(
        "tls_handshake_timeouts",
        "TLS hand-shakes that took too long",
        read(&server.handshake_timeouts),
    )?;
    page.counter(
        "header_timeouts",
        "Connections closed waiting for a header",
        read(&server.header_timeouts),
    )?;
    page.counter(
        "idle_timeouts",
        "Connections closed for being idle",
        read(&server.idle_timeouts),
    )?;
    page.counter(
        "write_timeouts",
        "Connections closed because the peer did not read",
        read(&server.write_timeouts),
    )?;
    page.counter(
        "accept_errors",
        "Errors of accept itself",
        read(&server.accept_errors),
    )
}

fn access(app: &App, page: &mut Page<'_>) -> Result<(), Error> {
    let access = app.access.stats();
    page.gauge("access_keys", "API keys", access.keys as f64)?;
    page.counter("access_failed", "Requests with a wrong key", access.failed)?;
    page.gauge(
        "access_locked_out",
        "Addresses locked out",
        access.locked_out as f64,
    )?;
    page.counter(
        "access_blocked",
        "Requests refused by a lock-out",
        access.blocked,
    )?;
    page.counter(
        "access_rate_limited",
        "Requests refused by a rate limit",
        access.rate_limited,
    )?;
    page.counter(
        "access_lockout_evictions",
        "Lock-out entries evicted at capacity",
        access.lockout_evictions,
    )?;
    page.counter(
        "access_rate_evictions",
        "Rate-limit entries evicted at capacity",
        access.rate_evictions,
    )
}

fn storage(app: &App, page: &mut Page<'_>) -> Result<(), Error> {
    let store = app.store.stats();
    page.counter(
        "store_commits",
        "Commits that reached the medium",
        store.commits,
    )?;
    page.counter("store_failures", "Commits that failed", store.failures)?;
    page.counter("store_syncs", "Syncs issued", store.syncs)?;
    page.counter("store_written_bytes", "Bytes written", store.bytes)?;
    page.gauge("store_queued", "Changes waiting", store.queued as f64)?;
    page.counter(
        "store_dropped",
        "Deferred changes dropped at capacity",
        store.dropped,
    )?;
    page.gauge(
        "store_healthy",
        "1 while the medium takes writes",
        f64::from(u8::from(store.healthy)),
    )?;
    let cache = app.cache.stats(Mono::now());
    page.gauge("cache_entries", "Cache entries", cache.total_entries as f64)?;
    page.gauge(
        "cache_capacity",
        "Most cache entries",
        cache.capacity as f64,
    )?;
    page.gauge(
        "cache_bytes",
        "Bytes of cache entries",
        cache.size_bytes as f64,
    )?;
    page.counter("cache_hits", "Look-ups that hit", cache.hits)?;
    page.counter("cache_misses", "Look-ups that missed", cache.misses)?;
    page.counter(
        "cache_evictions",
        "Entries evicted to make room",
        cache.evictions,
    )?;
    page.counter(
        "cache_oversize",
        "Values larger than an entry",
        cache.oversize,
    )
}

fn alerts(app: &App, page: &mut Page<'_>) -> Result<(), Error> {
    let summary = app.alerts.summary();
    page.gauge("alerts", "Alerts kept", summary.total as f64)?;
    page.gauge(
        "alerts_unresolved",
        "Alerts not resolved",
        summary.unresolved as f64,
    )?;
    page.gauge(
        "alerts_critical_24h",
        "Critical alerts of the last 24 hours",
        summary.critical_24h as f64,
    )
}

fn drones(app: &App, page: &mut Page<'_>) -> Result<(), Error> {
    let drones = (app.drones.all)();
    let labels: Vec<[(&str, &str); 1]> =
        drones.iter().map(|drone| [("drone", &*drone.id)]).collect();
    let now = Mono::now();
    let mut family = |name: &str, help: &str, value: &dyn Fn(&DroneView) -> Option<f64>| {
        let samples = drones.iter().zip(&labels);
        page.gauges(
            name,
            help,
            samples.filter_map(|(drone, labels)| Some((labels.as_slice(), value(drone)?))),
        )
    };
    family(
        "drone_connected",
        "1 while the drone's state arrives",
        &|drone| Some(f64::from(u8::from(drone.link == LinkState::Connected))),
    )?;
    family(
        "drone_lost",
        "1 while the drone should be heard and is not",
        &|drone| Some(f64::from(u8::from(drone.link == LinkState::Lost))),
    )?;
    family("drone_battery_percent", "Battery", &|drone| {
        drone.battery_pct.map(f64::from)
    })?;
    family(
        "drone_temperature_celsius",
        "Highest main-board temperature",
        &|drone| drone.temperature_c,
    )?;
    family(
        "drone_height_centimetres",
        "Height over the take-off point",
        &|drone| drone.height_cm.map(f64::from),
    )?;
    family(
        "drone_state_age_seconds",
        "Seconds since the drone was heard",
        &|drone| {
            drone
                .last_seen_mono
                .map(|seen| round2(now.since(seen).as_secs_f64()))
        },
    )
}
