//! Live sockets, what machines read, pages.

use super::{HTML, get, later};
use crate::http::openapi;
use crate::http::route::{Gives, Policy, Route, Verb};
use crate::live::events;
use crate::live::video;
use crate::routes::metrics;
use crate::routes::pages;
use access::RateClass;

pub(super) const ROUTES: &[Route] = &[
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
