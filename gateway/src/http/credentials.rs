//! Who asks: the key, the cookie or the ticket that a request carries, judged for its route.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::config::Config;
use crate::http::doors;
use crate::http::envelope::ApiError;
use crate::http::inputs::Inputs;
use crate::http::params::{Kind, Location, Param};
use crate::http::route::{Gives, Policy, Route};
use crate::http::session_cookie;
use crate::http::state::App;
use access::{Denial, Session};
use https::{Connection, Via};
use readings::clock::Mono;

/// A one-time ticket.
pub(crate) const TICKET: Param = Param::optional(
    Location::Query,
    "ticket",
    Kind::Text,
    "From POST /api/ws-ticket, instead of the X-API-Key header",
);

/// Key, or the cookie of a browser that signed in, and permission. Routes that need
/// none look at neither. The key wins where both are shown.
pub(super) fn authenticate(
    app: &App,
    config: &Config,
    route: &Route,
    parts: &Parts,
    via: Via,
    client: IpAddr,
    now: Mono,
) -> Result<Option<Session>, ApiError> {
    let (policy, profile) = (route.policy, config.access.profile);
    let is_open = via == Via::Metrics && policy == Policy::Metrics;
    if is_open || !policy.asks_for_key(profile) {
        return Ok(None);
    }
    if policy == Policy::Socket {
        // A ticket was given for a key with the permission, and works once.
        let mut query = Inputs::from_uri(&parts.uri);
        if let Some(ticket) = query.text(&TICKET) {
            let holder = app.edge.tickets.redeem(&ticket, now);
            return holder
                .map(Some)
                .ok_or_else(|| ApiError::from(Denial::Invalid));
        }
    }
    let password = player_password(route, &parts.headers);
    let key = parts.headers.get("x-api-key").map(HeaderValue::as_bytes);
    let key = key.or(password.as_deref());
    let cookie = session_cookie::of(&parts.headers).filter(|_| key.is_none());
    let needs = policy.needs(profile);
    let session = match cookie {
        None => app.access.authorise(key, client, needs, now)?,
        Some(cookie) => {
            doors::judge_cookie(config, parts, via)?;
            let cookie = cookie.as_bytes();
            app.access.authorise_browser(cookie, client, needs, now)?
        }
    };
    Ok(Some(session))
}

/// Whether players ask for it: programs that know nothing but a user and a password.
fn is_for_players(route: &Route) -> bool {
    matches!(route.gives, Gives::Media(&[first, ..]) if first.starts_with("video/mp"))
}

/// The key that a player gives as its password, where players ask; whatever its user's name.
fn player_password(route: &Route, headers: &HeaderMap) -> Option<Vec<u8>> {
    if !is_for_players(route) {
        return None;
    }
    let given = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, pair) = given.split_once(' ')?;
    let pair = scheme
        .eq_ignore_ascii_case("basic")
        .then(|| STANDARD.decode(pair.trim()))?;
    let pair = pair.ok()?;
    let colon = pair.iter().position(|byte| *byte == b':')?;
    Some(pair[colon + 1..].to_vec())
}

/// The refusal of a route for players asks for a password: they send none before.
pub(super) fn asking(route: &Route, error: ApiError) -> ApiError {
    if is_for_players(route) && error.status() == StatusCode::UNAUTHORIZED {
        let challenge = HeaderValue::from_static("Basic realm=\"key as password\"");
        return error.header(header::WWW_AUTHENTICATE, challenge);
    }
    error
}

/// Tells the edge whether its connection has shown a good key: then it gives way to
/// none when room is short. A route that needs none says nothing of it.
pub(super) fn vouch(parts: &Parts, outcome: &Result<Option<Session>, ApiError>) {
    let good = match outcome {
        Ok(None) => return,
        Ok(Some(_)) => true,
        Err(_) => false,
    };
    if let Some(connection) = parts.extensions.get::<Connection>() {
        connection.authenticated(good);
    }
}
