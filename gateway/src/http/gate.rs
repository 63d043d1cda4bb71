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
use tokio::time::Instant;

use crate::config::Config;
use crate::http::body::{read_body, refuse_declared_length};
use crate::http::call::Call;
use crate::http::client;
use crate::http::cors;
use crate::http::credentials::{asking, authenticate, player_pass, vouch};
use crate::http::doors;
use crate::http::envelope::{ApiError, Outcome};
use crate::http::inputs::Inputs;
use crate::http::packed::takes_gzip;
use crate::http::respond;
use crate::http::revocation;
use crate::http::route::{Gives, Policy, Route, Run};
use crate::http::squeezed::squeezed;
use crate::http::state::App;
use crate::http::table::{Endpoint, Table};
use crate::http::unrouted::{not_routed, wrong_method};
use access::{RateClass, RateVerdict, Session};
use https::{Peer, Via};
use readings::clock::{Mono, wall_now};

/// Answers one request. `endpoint` is the path it matched, if any.
pub(crate) async fn serve(
    app: Arc<App>,
    table: &'static Table,
    endpoint: Option<&'static Endpoint>,
    request: Request,
) -> Response {
    let started = Instant::now();
    let (parts, body) = request.into_parts();
    let config = app.config.load_full();
    let method = parts.method.clone();
    let origin = cors::origin(&config, &parts.headers);
    let takes_gzip = method == Method::GET && takes_gzip(&parts.headers);
    let mut rate = None;
    let outcome = match cors::preflight(&method, &parts.headers, &origin) {
        Some(outcome) => outcome,
        None => {
            let work = AssertUnwindSafe(answer(
                &app, table, &config, endpoint, parts, body, &mut rate,
            ));
            work.catch_unwind().await.unwrap_or_else(|_| {
                app.edge.stats.panics.fetch_add(1, Ordering::Relaxed);
                tracing::error!(
                    route = endpoint.map(|endpoint| endpoint.path),
                    "a handler panicked"
                );
                Err(ApiError::internal())
            })
        }
    };
    let mut response = outcome.unwrap_or_else(ApiError::into_response);
    if takes_gzip {
        response = squeezed(response);
    }
    respond::decorate(response.headers_mut(), rate, config.server.hsts);
    cors::decorate(response.headers_mut(), &origin);
    if method == Method::HEAD {
        response = respond::without_body(response);
    }
    account(
        &app,
        table,
        endpoint,
        &method,
        response.status(),
        started.elapsed(),
    );
    response
}

/// Statistics and the access log line.
fn account(
    app: &App,
    table: &Table,
    endpoint: Option<&Endpoint>,
    method: &Method,
    status: StatusCode,
    elapsed: Duration,
) {
    let id = endpoint.map_or_else(|| table.unrouted(), |endpoint| endpoint.id);
    app.performance
        .record(id, status.as_u16(), elapsed, Mono::now(), wall_now());
    app.edge.latencies.record(id, elapsed);
    if endpoint.is_none() {
        app.edge.stats.unrouted.fetch_add(1, Ordering::Relaxed);
    }
    tracing::debug!(
        target: "mfg_drone_gateway::access_log",
        %method,
        route = endpoint.map_or("(unknown)", |endpoint| endpoint.path),
        status = status.as_u16(),
        elapsed_us = elapsed.as_micros() as u64,
    );
}

/// The checks, in their order, and the handler.
async fn answer(
    app: &Arc<App>,
    table: &Table,
    config: &Arc<Config>,
    endpoint: Option<&'static Endpoint>,
    mut parts: Parts,
    body: Body,
    rate: &mut Option<RateVerdict>,
) -> Outcome {
    let peer = peer(&parts);
    let Some(endpoint) =
        endpoint.filter(|endpoint| peer.via != Via::Metrics || endpoint.path == "/metrics")
    else {
        return not_routed(table, &parts);
    };
    let Some(route) = endpoint.route(&parts.method) else {
        return wrong_method(&parts.method, endpoint);
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
    // No browser can open the control socket.
    if peer.via != Via::Console {
        doors::judge(config, route, &parts, peer.via)?;
    }
    // A player's own password opens what it is for; any other is tried as a key.
    let pass = player_pass(&app.players, route, &parts.headers);
    let session = match &pass {
        Some(_) => Ok(None),
        None => authenticate(
            (&app.access, &app.edge.tickets),
            config,
            route,
            &parts,
            peer.via,
            client,
            now,
        ),
    };
    vouch(&parts, &session);
    let session = session.map_err(|error| asking(route, error))?;
    if let Some(pass) = pass {
        parts.extensions.insert(pass);
    }
    // One key, or one browser, is limited from however many addresses it comes.
    if let Some(session) = session.as_ref().filter(|_| route.class == RateClass::Other) {
        let of_key = app.access.rate_check_session(session, now);
        if !of_key.allowed {
            *rate = Some(of_key);
            return Err(ApiError::rate_limited(of_key.limit, of_key.reset_s));
        }
    }

    let request = Admitted {
        app,
        config,
        endpoint,
        route,
        session: session.clone(),
        client,
    };
    let outcome = revocation::within(session.as_ref(), request.handle(parts, body)).await;
    match session.filter(|_| matches!(route.gives, Gives::Forwarded(_))) {
        Some(session) => outcome.map(|answer| revocation::sent_within(session, answer)),
        None => outcome,
    }
}

/// A request that was let in.
struct Admitted<'a> {
    app: &'a Arc<App>,
    config: &'a Arc<Config>,
    endpoint: &'static Endpoint,
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
        let has_param = self.endpoint.has_param;
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
            template: route.path,
            params: route.params,
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

    #[test]
    fn a_request_without_a_listener_is_nobody() {
        let (parts, _) = Request::new(Body::empty()).into_parts();
        assert!(peer(&parts).address.ip().is_unspecified());
        assert!(is_upgrade(&HeaderMap::from_iter([(
            header::UPGRADE,
            HeaderValue::from_static("WebSocket")
        )])));
        assert!(!is_upgrade(&HeaderMap::new()));
    }

    #[test]
    fn a_plain_request_for_a_socket_is_told_to_upgrade() {
        let answer = upgrade_required().into_response();
        assert_eq!(answer.status(), StatusCode::UPGRADE_REQUIRED);
        assert_eq!(answer.headers()[header::UPGRADE], "websocket");
        assert_eq!(answer.headers()[header::CONNECTION], "Upgrade");
    }
}
