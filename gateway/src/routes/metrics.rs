//! `/metrics`: what every room counts, for Prometheus. Rooms write for themselves
//! (`readings::measured::Measured`).
//!
//! Permission `read`, or none on the loopback metrics listener. Readings that
//! are not known are left out, never zero.

use std::fmt::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use http::{HeaderMap, HeaderValue, header};

use crate::http::call::Call;
use crate::http::envelope::{ApiError, Outcome};
use crate::http::latency::BOUNDS_S;
use crate::http::packed::{gzip, takes_gzip};
use crate::http::respond;
use crate::http::route::{Gives, Policy, Route};
use crate::http::rows::get;
use crate::http::state::App;
use crate::performance::RouteId;
use readings::classic;
use readings::measured::{self, Page};

/// The routes of this file.
pub(crate) const ROUTES: &[Route] = &[get(
    "/metrics",
    Policy::Metrics,
    metrics,
    Gives::Media(&["text/plain", "application/openmetrics-text"]),
)
.about(
    "operations",
    "Get metrics for Prometheus: as OpenMetrics where `Accept` names it, else as text 0.0.4",
)];

/// The media type of OpenMetrics text.
static OPEN_METRICS: HeaderValue =
    HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
/// That of the older format.
static CLASSIC: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
/// What the answer depends on besides the address.
static VARY: HeaderValue = HeaderValue::from_static("Accept, Accept-Encoding");

/// `GET /metrics`
pub(crate) fn metrics(call: &mut Call) -> Outcome {
    let app = Arc::clone(&call.app);
    let text = measured::page(move |page| fill(&app, page)).map_err(|_| ApiError::internal())?;
    let headers = &call.parts.headers;
    let (media_type, text) = match wants_open_metrics(headers) {
        true => (&OPEN_METRICS, text),
        false => (&CLASSIC, classic(&text)),
    };
    let mut response = match takes_gzip(headers) {
        true => {
            let mut response = respond::typed(media_type.clone(), gzip(text.as_bytes()).into());
            let coding = HeaderValue::from_static("gzip");
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_ENCODING, coding);
            response
        }
        false => respond::typed(media_type.clone(), text.into()),
    };
    response.headers_mut().insert(header::VARY, VARY.clone());
    Ok(response)
}

/// Whether `Accept` names OpenMetrics, and not less than the older format. Who names
/// neither gets the older one, which everything reads.
fn wants_open_metrics(headers: &HeaderMap) -> bool {
    let accepted = headers.get_all(header::ACCEPT).iter();
    let accepted = accepted.filter_map(|value| value.to_str().ok());
    let (mut open_metrics, mut text) = (0.0_f32, 0.0_f32);
    for range in accepted.flat_map(|value| value.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let weight = match parts.next() {
            Some("application/openmetrics-text") => &mut open_metrics,
            Some("text/plain" | "text/*") => &mut text,
            _ => continue,
        };
        let given = parts.find_map(|part| part.strip_prefix("q=")?.parse().ok());
        *weight = weight.max(given.unwrap_or(1.0));
    }
    open_metrics > 0.0 && open_metrics >= text
}

fn fill(app: &App, page: &mut Page<'_>) -> Result<(), Error> {
    build(app, page)?;
    requests(app, page)?;
    sockets(app, page)?;
    access(app, page)?;
    // Each room writes what it counts; here is only what the API counts itself.
    app.measured.iter().try_for_each(|room| room.measure(page))
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
    let config = app.config.load();
    let (name, public_url) = (config.gateway.name_or_host(), &config.gateway.public_url);
    let of_gateway: [(&str, &str); 2] = [
        ("name", &name),
        ("public_url", public_url.as_deref().unwrap_or_default()),
    ];
    page.gauges(
        "gateway_info",
        "What the gateway is called, and where its page is",
        [(of_gateway.as_slice(), 1.0)],
    )?;
    page.gauge(
        "uptime_seconds",
        "Seconds since the gateway started",
        app.uptime_s() as f64,
    )
}

fn requests(app: &App, page: &mut Page<'_>) -> Result<(), Error> {
    let templates = app.performance.templates();
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
    page.counter(
        "http_handler_panics",
        "Handlers that panicked",
        read(&app.edge.stats.panics),
    )?;
    page.counter(
        "http_unrouted_requests",
        "Requests for paths that do not exist",
        read(&app.edge.stats.unrouted),
    )
}

fn sockets(app: &App, page: &mut Page<'_>) -> Result<(), Error> {
    let own = &app.edge.stats;
    page.gauge(
        "websocket_clients",
        "WebSocket clients connected",
        app.edge.clients.taken() as f64,
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
    page.counter(
        "video_frames_fetched",
        "Whole pictures fetched one at a time",
        read(&own.frames_fetched),
    )?;
    page.gauge(
        "video_viewers",
        "Viewers of video connected, by HTTPS, WebSocket and RTSP",
        app.edge.viewers.taken() as f64,
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

fn access(app: &App, page: &mut Page<'_>) -> Result<(), Error> {
    let (muted, refused) = app.mutes.counts();
    page.gauge(
        "alerts_muted",
        "Causes of alerts that are muted",
        muted as f64,
    )?;
    page.counter("mutes_refused", "Mutes refused at capacity", refused)?;
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
        "access_refused",
        "Requests with a valid key that lacks the permission",
        access.refused,
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
        "access_lockout_uncounted",
        "Wrong keys refused uncounted, because the table was full of lock-outs",
        access.lockout_uncounted,
    )?;
    page.counter(
        "access_rate_evictions",
        "Rate-limit entries evicted at capacity",
        access.rate_evictions,
    )?;
    page.gauge(
        "access_sessions",
        "Browsers signed in",
        access.browsers as f64,
    )?;
    page.counter(
        "access_session_evictions",
        "Signed-in browsers signed out at capacity",
        access.browser_evictions,
    )?;
    page.counter(
        "access_link_evictions",
        "Sign-in links dropped at capacity",
        access.link_evictions,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_metrics_is_for_whoever_asks_for_it() {
        let wants = |accept: &str| {
            let value = HeaderValue::from_str(accept).expect("a value");
            wants_open_metrics(&HeaderMap::from_iter([(header::ACCEPT, value)]))
        };
        // As Prometheus 2.42 and 3 write it.
        assert!(wants(
            "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
        ));
        assert!(wants("application/openmetrics-text; version=1.0.0"));
        for other in [
            "*/*",
            "text/plain",
            "text/plain;version=0.0.4;q=0.9, application/openmetrics-text;q=0.5",
            "application/openmetrics-text;q=0",
        ] {
            assert!(!wants(other), "{other}");
        }
        assert!(!wants_open_metrics(&HeaderMap::new()));
    }
}
