//! A person says what time it is, where nothing else does.
//!
//! A board without a clock battery and without a time server may show a plausible time that
//! is not the time: until somebody who may act here confirms it, its certificate is made
//! for any clock. The gateway has no right to set the clock, and says how that is done.

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::call::Call;
use crate::http::envelope::{ApiError, Outcome};
use crate::http::params::{Kind, Location, Param};
use crate::http::respond;
use crate::http::route::{Gives, Policy, Route, Verb};
use crate::http::rows::later;
use crate::http::scalars::Ts;
use crate::http::shape::of;
use crate::logging::SECURITY;
use access::Permission;
use readings::clock;

/// The routes of this file.
pub(crate) const ROUTES: &[Route] = &[later(
    Verb::Post,
    "/api/system/time",
    // In every profile: a stranger must not say that a wrong time is the time.
    Policy::Needs(Permission::Write),
    confirm,
    Gives::Json(of::<TimeConfirmed>()),
)
.about(
    "system",
    "Confirm the time, on a board without a clock battery and without a time server",
)
.takes(CONFIRM)
.may_conflict()];

const TIME: Param = Param::required(
    Location::QueryOrBody,
    "time",
    Kind::Text,
    "The time now, as RFC 3339, e.g. 2026-11-30T09:00:00Z",
);
const CONFIRM: &[Param] = &[TIME];

/// How far the clocks may be apart: a watch and a slow line, not another day.
const TOLERANCE_S: f64 = 120.0;

/// The answer where the board's clock shows the time.
#[derive(Serialize, ToSchema)]
pub(crate) struct TimeConfirmed {
    /// The board's own.
    timestamp: Ts,
    /// By how much it is ahead of what was said.
    difference_s: f64,
}

/// `POST /api/system/time`
pub(crate) fn confirm(mut call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let said = call.inputs.text(&TIME).unwrap_or_default();
        call.inputs.finish()?;
        let said: Timestamp = said
            .parse()
            .map_err(|_| ApiError::invalid(format!("time: write it as {}", Timestamp::now())))?;
        let now = clock::wall_now();
        let difference_s = now.duration_since(said).as_secs_f64();
        let actor = call.audited();
        tracing::info!(target: SECURITY, event = "time_told", client = %call.client, actor = &*actor, difference_s);
        if difference_s.abs() > TOLERANCE_S {
            return Err(ApiError::conflict(format!(
                "The board's clock shows {now}, {difference_s:.0} s from what was said; set it there: \
                 timedatectl set-time, or a time server it can reach"
            )));
        }
        clock::confirm();
        Ok(respond::json(&TimeConfirmed {
            timestamp: Ts(now),
            difference_s,
        }))
    })
}
