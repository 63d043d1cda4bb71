//! The gate: every request passes it, in the order of contract 1.5.
//!
//! Routing → rate limit → key → permission → validation → availability →
//! handler; and on the way out the headers, the statistics and the log line.
//! A handler that panics is a 500 of that request and nothing more. No key and
//! no path with a key in it may reach the log: the line holds the template.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequestParts, RawPathParams, Request};
use axum::response::Response;
use futures_util::FutureExt;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use tokio::time::{Instant, timeout};

use crate::config::Config;
use crate::http::client;
use crate::http::cors;
use crate::http::doors;
use crate::http::envelope::ApiError;
use crate::http::respond;
use crate::http::revocation;
use crate::http::route::{Gives, Outcome, Policy, Route, Run};
use crate::http::state::App;
use crate::http::table::{Entry, Table};
use crate::http::validate::{Inputs, Kind, Param, Place};
use access::{Denial, RateClass, RateVerdict, Session};
use https::{Connection, Peer, ReadError, Via, Whole};
use readings::clock::{Mono, wall_now};

/// A one-time ticket.
pub(crate) const TICKET: Param = Param::optional(
    Place::Query,
    "ticket",
    Kind::Text,
    "From POST /api/ws-ticket, instead of the X-API-Key header",
);

/// A request that passed the gate, as a handler sees it.
pub(crate) struct Call {
    /// The rooms.
    pub(crate) app: Arc<App>,
    /// The configuration the request is judged by.
    pub(crate) config: Arc<Config>,
    /// The row of the table it matched.
    pub(crate) route: &'static Route,
    /// Who asks; none on open routes.
    pub(crate) session: Option<Session>,
    /// Address of the client.
    pub(crate) client: IpAddr,
    /// The path's parameter, decoded; empty when the path has none.
    pub(crate) param: String,
    /// Query and body.
    pub(crate) inputs: Inputs,
    /// Method, path, headers.
    pub(crate) parts: Parts,
}

impl Call {
    /// Name of the key that asks, for `acknowledged_by` and the audit trail.
    pub(crate) fn actor(&self) -> &str {
        self.session
            .as_ref()
            .map_or("anonymous", |session| session.name())
    }
}

/// Answers one request. `entry` is the path it matched, if any.
pub(crate) async fn serve(
    app: Arc<App>,
    entry: Option<&'static Entry>,
    request: Request,
) -> Response {
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    let config = app.config.load_full();
    let method = parts.method.clone();
    let origin = cors::origin(&config, &parts.headers);
    let mut rate = None;
    let outcome = match cors::preflight(&method, &parts.headers, &origin) {
        Some(outcome) => outcome,
        None => {
            let work = AssertUnwindSafe(answer(&app, &config, entry, parts, body, &mut rate));
            work.catch_unwind().await.unwrap_or_else(|_| {
                app.edge.stats.panics.fetch_add(1, Ordering::Relaxed);
                tracing::error!(route = entry.map(|entry| entry.path), "a handler panicked");
                Err(ApiError::internal())
            })
        }
    };
    let mut response = outcome.unwrap_or_else(ApiError::into_response);
    respond::decorate(response.headers_mut(), rate);
    cors::decorate(response.headers_mut(), &origin);
    if method == Method::HEAD {
        response = respond::without_body(response);
    }
    account(&app, entry, &method, response.status(), started.elapsed());
    response
}

/// Statistics and the access log line.
fn account(
    app: &App,
    entry: Option<&Entry>,
    method: &Method,
    status: StatusCode,
    elapsed: Duration,
) {
    let id = entry.map_or_else(|| app.table.unrouted(), |entry| entry.id);
    app.performance
        .record(id, status.as_u16(), elapsed, Mono::now(), wall_now());
    app.edge.latencies.record(id, elapsed);
    if entry.is_none() {
        app.edge.stats.unrouted.fetch_add(1, Ordering::Relaxed);
    }
    tracing::debug!(
        target: "mfg_drone_gateway::access_log",
        %method,
        route = entry.map_or("(unknown)", |entry| entry.path),
        status = status.as_u16(),
        elapsed_us = elapsed.as_micros() as u64,
    );
}

/// The checks, in their order, and the handler.
async fn answer(
    app: &Arc<App>,
    config: &Arc<Config>,
    entry: Option<&'static Entry>,
    parts: Parts,
    body: Body,
    rate: &mut Option<RateVerdict>,
) -> Outcome {
    let peer = peer(&parts);
    let Some(entry) = entry.filter(|entry| peer.via != Via::Metrics || entry.path == "/metrics")
    else {
        return not_routed(app.table, &parts);
    };
    let Some(route) = entry.route(&parts.method) else {
        return wrong_method(&parts.method, entry);
    };
    if route.policy == Policy::Socket && !is_upgrade(&parts.headers) {
        return Err(upgrade_required());
    }

    let client = client::address(
        peer.address.ip(),
        &parts.headers,
        &config.server.trusted_proxies,
    );
    let now = Mono::now();
    let verdict = app.access.rate_check(route.class, client, now);
    *rate = Some(verdict);
    if !verdict.allowed {
        return Err(ApiError::rate_limited(verdict.limit, verdict.reset_s));
    }
    doors::judge(config, route, &parts, peer.via)?;
    let session = authenticate(app, config, route, &parts, peer.via, client, now);
    vouch(&parts, &session);
    let session = session?;
    // One key is limited from however many addresses it comes.
    if let Some(session) = session.as_ref().filter(|_| route.class == RateClass::Other) {
        let of_key = app.access.rate_check_key(session.key(), now);
        if !of_key.allowed {
            *rate = Some(of_key);
            return Err(ApiError::rate_limited(of_key.limit, of_key.reset_s));
        }
    }

    let request = Admitted {
        app,
        config,
        entry,
        route,
        session: session.clone(),
        client,
    };
    let outcome = revocation::within(session.as_ref(), request.handle(parts, body)).await;
    match session.filter(|_| matches!(route.gives, Gives::Forwarded)) {
        Some(session) => outcome.map(|answer| revocation::sent_within(session, answer)),
        None => outcome,
    }
}

/// A request that was let in.
struct Admitted<'a> {
    app: &'a Arc<App>,
    config: &'a Arc<Config>,
    entry: &'static Entry,
    route: &'static Route,
    session: Option<Session>,
    client: IpAddr,
}

impl Admitted<'_> {
    /// Reads what it brings, and runs its handler.
    async fn handle(self, mut parts: Parts, body: Body) -> Outcome {
        let (config, route) = (self.config, self.route);
        let mut inputs = Inputs::from_uri(&parts.uri);
        let mut streamed = None;
        if matches!(route.run, Run::Stream(_)) {
            streamed = Some(body);
        } else if route.takes_body() {
            inputs = inputs.with_body(&read_body(config, &parts, body).await?.bytes)?;
        } else {
            refuse_declared_length(config, &parts.headers)?;
        }
        let has_param = self.entry.has_param;
        let param = if has_param {
            path_param(&mut parts).await
        } else {
            String::new()
        };
        if has_param && param.is_empty() {
            // Two slashes in a row are no path that exists (contract 1.1).
            return Err(ApiError::not_found("Not Found"));
        }
        let mut call = Call {
            app: Arc::clone(self.app),
            config: Arc::clone(config),
            route,
            session: self.session,
            client: self.client,
            param,
            inputs,
            parts,
        };
        match route.run {
            Run::Now(handler) => handler(&mut call),
            Run::Later(handler) => handler(call).await,
            Run::Stream(handler) => handler(call, streamed.unwrap_or_default()).await,
        }
    }
}

/// Where the request came from. A request without a peer did not come through
/// a listener; it is judged as coming from nowhere in particular.
fn peer(parts: &Parts) -> Peer {
    let unknown = Peer {
        address: SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0),
        via: Via::Https,
    };
    parts.extensions.get::<Peer>().copied().unwrap_or(unknown)
}

/// 404, or the way to the path without its trailing slash.
fn not_routed(table: &Table, parts: &Parts) -> Outcome {
    let path = parts.uri.path();
    // Only paths of the table are redirected to: nothing a client can write
    // (`//elsewhere/`) becomes a `Location` of another host.
    match path
        .strip_suffix('/')
        .filter(|shorter| table.exists(shorter))
    {
        Some(shorter) => {
            let query = parts
                .uri
                .query()
                .map(|query| format!("?{query}"))
                .unwrap_or_default();
            let location = HeaderValue::try_from(format!("{shorter}{query}"));
            let mut response = Response::new(Body::empty());
            *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
            response.headers_mut().insert(
                header::LOCATION,
                location.map_err(|_| ApiError::not_found("Not Found"))?,
            );
            Ok(response)
        }
        None => Err(ApiError::not_found("Not Found")),
    }
}

/// 405, or the list of methods for a plain `OPTIONS`.
fn wrong_method(method: &Method, entry: &Entry) -> Outcome {
    if method != Method::OPTIONS {
        return Err(ApiError::method_not_allowed(entry.allow.clone()));
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
        .headers_mut()
        .insert(header::ALLOW, entry.allow.clone());
    Ok(response)
}

/// Whether a request asks for a WebSocket at all.
fn is_upgrade(headers: &HeaderMap) -> bool {
    headers
        .get(header::UPGRADE)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
}

fn upgrade_required() -> ApiError {
    ApiError::new(
        StatusCode::UPGRADE_REQUIRED,
        "HTTP_426",
        "Upgrade required: /ws speaks WebSocket only",
    )
    .header(header::UPGRADE, HeaderValue::from_static("websocket"))
    .header(header::CONNECTION, HeaderValue::from_static("Upgrade"))
}

/// Key and permission. Routes that need none do not look at the key.
fn authenticate(
    app: &App,
    config: &Config,
    route: &Route,
    parts: &Parts,
    via: Via,
    client: IpAddr,
    now: Mono,
) -> Result<Option<Session>, ApiError> {
    let needs = match route.policy {
        Policy::Metrics if via == Via::Metrics => None,
        policy => policy.needs(config.access.profile),
    };
    let Some(permission) = needs else {
        return Ok(None);
    };
    if route.policy == Policy::Socket {
        // A ticket was given for a key with the permission, and works once.
        let mut query = Inputs::from_uri(&parts.uri);
        if let Some(ticket) = query.text(&TICKET) {
            let holder = app.edge.tickets.redeem(&ticket, now);
            return holder
                .map(Some)
                .ok_or_else(|| ApiError::from(Denial::Invalid));
        }
    }
    let key = parts.headers.get("x-api-key").map(HeaderValue::as_bytes);
    Ok(Some(app.access.authorise(
        key,
        client,
        Some(permission),
        now,
    )?))
}

/// Tells the edge whether its connection has shown a good key: then it gives way to
/// none when room is short. A route that needs none says nothing of it.
fn vouch(parts: &Parts, outcome: &Result<Option<Session>, ApiError>) {
    let good = match outcome {
        Ok(None) => return,
        Ok(Some(_)) => true,
        Err(_) => false,
    };
    if let Some(connection) = parts.extensions.get::<Connection>() {
        connection.authenticated(good);
    }
}

/// Reads a body up to the limit and in time.
///
/// # Errors
/// 408, 413, 503 while there is no room for it, or 400 for one that breaks off.
pub(crate) async fn read_body(
    config: &Config,
    parts: &Parts,
    body: Body,
) -> Result<Whole, ApiError> {
    refuse_declared_length(config, &parts.headers)?;
    let limit = config.server.max_body_bytes;
    let whole = https::read_whole(body, limit, parts.extensions.get());
    let within = Duration::from_secs(config.server.body_timeout_s);
    match timeout(within, whole).await {
        Ok(Ok(whole)) => Ok(whole),
        Err(_) | Ok(Err(ReadError::Stalled)) => Err(ApiError::body_timeout()),
        Ok(Err(ReadError::TooLarge)) => Err(ApiError::too_large(limit)),
        Ok(Err(ReadError::NoRoom)) => Err(ApiError::unavailable(
            "Too many request bodies are being read; try again",
        )
        .header(header::RETRY_AFTER, HeaderValue::from_static("1"))),
        Ok(Err(ReadError::Broken)) => Err(ApiError::invalid("Request body could not be read")),
    }
}

/// Refuses a body that says it is too long before any of it is read.
fn refuse_declared_length(config: &Config, headers: &HeaderMap) -> Result<(), ApiError> {
    let limit = config.server.max_body_bytes;
    let declared = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > limit as u64) {
        Err(ApiError::too_large(limit))
    } else {
        Ok(())
    }
}

/// The path's one parameter, percent-decoded. Bytes that are not UTF-8 name
/// nothing that exists.
async fn path_param(parts: &mut Parts) -> String {
    match RawPathParams::from_request_parts(parts, &()).await {
        Ok(params) => params
            .iter()
            .next()
            .map(|(_, value)| value.to_owned())
            .unwrap_or_default(),
        Err(_) => char::REPLACEMENT_CHARACTER.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(uri: &str) -> Parts {
        Request::get(uri)
            .body(Body::empty())
            .expect("a request")
            .into_parts()
            .0
    }

    #[test]
    fn a_trailing_slash_leads_to_the_same_host_or_nowhere() {
        let table = crate::table::table();
        let answer = not_routed(table, &parts("/api/alerts/?limit=1")).expect("redirected");
        assert_eq!(answer.status(), StatusCode::TEMPORARY_REDIRECT);
        assert_eq!(answer.headers()[header::LOCATION], "/api/alerts?limit=1");
        for nowhere in ["//evil.example/", "/api/alerts//", "/nowhere/", "/nowhere"] {
            assert_eq!(
                not_routed(table, &parts(nowhere))
                    .expect_err("404")
                    .status(),
                StatusCode::NOT_FOUND,
                "{nowhere}"
            );
        }
    }

    #[tokio::test]
    async fn bodies_end_at_the_limit_whether_or_not_they_say_so() {
        let mut config = Config::default();
        config.server.max_body_bytes = 8;
        let none = parts("/");
        assert_eq!(
            read_body(&config, &none, Body::from("12345678"))
                .await
                .expect("fits")
                .bytes,
            b"12345678"
        );
        let error = read_body(&config, &none, Body::from("123456789"))
            .await
            .expect_err("too large");
        assert_eq!(error.status(), StatusCode::PAYLOAD_TOO_LARGE);
        let mut liar = parts("/");
        liar.headers
            .insert(header::CONTENT_LENGTH, HeaderValue::from_static("9"));
        let error = read_body(&config, &liar, Body::empty())
            .await
            .expect_err("too large");
        assert_eq!(error.status(), StatusCode::PAYLOAD_TOO_LARGE);
    }

    #[tokio::test]
    async fn a_body_that_never_ends_is_given_up() {
        let forever = Body::from_stream(futures_util::stream::pending::<
            Result<axum::body::Bytes, std::io::Error>,
        >());
        let mut config = Config::default();
        config.server.body_timeout_s = 0;
        let error = read_body(&config, &parts("/"), forever)
            .await
            .expect_err("given up");
        assert_eq!(error.status(), StatusCode::REQUEST_TIMEOUT);
    }

    #[test]
    fn a_request_without_a_listener_is_nobody() {
        assert!(peer(&parts("/")).address.ip().is_unspecified());
        assert!(is_upgrade(&HeaderMap::from_iter([(
            header::UPGRADE,
            HeaderValue::from_static("WebSocket")
        )])));
        assert!(!is_upgrade(&HeaderMap::new()));
    }
}
