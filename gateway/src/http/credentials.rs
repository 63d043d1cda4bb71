//! Who asks: the key or the ticket that a request carries, judged for its route.

use std::net::IpAddr;

use http::HeaderValue;
use http::request::Parts;

use crate::config::Config;
use crate::http::envelope::ApiError;
use crate::http::inputs::Inputs;
use crate::http::params::{Kind, Location, Param};
use crate::http::route::{Policy, Route};
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

/// Key and permission. Routes that need none do not look at the key.
pub(super) fn authenticate(
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
