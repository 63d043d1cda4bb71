//! Muting an alert for a time, and ending that. Permission `respond`, as for what
//! answers an alert.
//!
//! What a mute does, and does not, says `mutes`.

use std::time::Duration;

use futures_util::future::BoxFuture;
use http::StatusCode;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

use crate::http::call::Call;
use crate::http::envelope::{ApiError, Outcome};
use crate::http::params::{Kind, Location, Param};
use crate::http::respond::{self, SuccessResponse};
use crate::http::route::{Gives, Policy, Route, Verb};
use crate::http::rows::{SUCCESS, later};
use crate::http::scalars::Ts;
use crate::http::shape::of;
use crate::mutes::{MAX_MUTE, MuteError};
use alerting::{Alert, AlertError};

/// The routes of this file.
pub(crate) const ROUTES: &[Route] = &[
    later(
        Verb::Post,
        "/api/alerts/{alert_id}/mute",
        Policy::Respond,
        mute,
        Gives::Json(of::<Muted>()),
    )
    .about(
        "alerts",
        "Mute an alert, and further ones of its cause unless critical or clearly worse, for a time",
    )
    .takes(MUTE)
    .may_conflict(),
    later(
        Verb::Delete,
        "/api/alerts/{alert_id}/mute",
        Policy::Respond,
        unmute,
        SUCCESS,
    )
    .about("alerts", "End the mute of an alert's cause")
    .takes(ONE),
];

const ID: Param = Param::required(
    Location::Path,
    "alert_id",
    Kind::Text,
    "Id from the listing",
);
const FOR_S: Param = Param::required(
    Location::Body,
    "for_s",
    Kind::Int {
        min: 60,
        max: MAX_MUTE.as_secs() as i64,
        default: None,
    },
    "Seconds",
);
const ONE: &[Param] = &[ID];
const MUTE: &[Param] = &[ID, FOR_S];

/// What is muted, and until when.
#[derive(Serialize, ToSchema)]
#[schema(as = MutedAlert)]
struct Muted {
    /// Id of the alert.
    alert_id: String,
    muted_until: Ts,
    /// Name of a key.
    muted_by: String,
}

fn alert(call: &Call) -> Result<Arc<Alert>, ApiError> {
    let found = call.app.alerts()?.find(&call.param);
    found.ok_or_else(|| AlertError::UnknownAlert(call.param.clone()).into())
}

fn mute(call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let mut call = call;
        let for_s = call.inputs.int(&FOR_S);
        call.inputs.finish()?;
        let length = Duration::from_secs(for_s.unwrap_or(0).unsigned_abs());
        let alert = alert(&call)?;
        let mute = call.app.mutes.mute(&alert, length, call.actor()).await;
        let mute = mute.map_err(refused)?;
        Ok(respond::json(&Muted {
            alert_id: alert.id.to_string(),
            muted_until: Ts::from_us(mute.until_us()),
            muted_by: mute.by.to_string(),
        }))
    })
}

fn unmute(call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let alert = alert(&call)?;
        let ended = call.app.mutes.unmute(&alert).await.map_err(refused)?;
        if let Some(mute) = &ended {
            call.app.mutes.tell_what_stands(mute, &call.app.alerts);
        }
        let message = match ended {
            Some(_) => format!("Alert {} is no longer muted", alert.id),
            None => format!("Alert {} was not muted", alert.id),
        };
        Ok(respond::json(&SuccessResponse::new(message)))
    })
}

/// What the room refuses, as clients see it.
fn refused(error: MuteError) -> ApiError {
    let message = error.to_string();
    match error {
        MuteError::Full => ApiError::conflict(message),
        MuteError::NotSaved(_) => ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "STORAGE_UNAVAILABLE",
            message,
        ),
    }
}
