//! `POST /api/drones/land-all`, `stop-all` and `emergency-all`: one wish for every
//! drone, with a result for each.
//!
//! No drone waits for another: the commands leave at once, and what keeps one
//! from being told keeps none of the others. Always 200, as soon as any result
//! is there for each; who asks reads them one by one.

use futures_util::future::{BoxFuture, join_all};
use readings::command::CommandId;
use serde::Serialize;
use tello::command::Command;
use utoipa::ToSchema;

use super::drone_call::{REFUSED_WITHIN, ended, operator, order, taken};
use crate::http::call::Call;
use crate::http::envelope::Outcome as Answer;
use crate::http::respond;
use crate::http::route::{Gives, Route, Verb};
use crate::http::rows::{RESPOND, later};
use crate::http::scalars::Ts;
use crate::http::shape::of;
use crate::sources::vehicles::{CommandError, Operator, Refusal};

/// The routes of this file.
pub(crate) const ROUTES: &[Route] = &[
    later(
        Verb::Post,
        "/api/drones/land-all",
        RESPOND,
        land,
        Gives::Json(of::<DownAll>()),
    )
    .about("drones", "Land every drone; one result per drone"),
    later(
        Verb::Post,
        "/api/drones/stop-all",
        RESPOND,
        stop,
        Gives::Json(of::<DownAll>()),
    )
    .about(
        "drones",
        "Stop every drone where it is; one result per drone",
    ),
    later(
        Verb::Post,
        "/api/drones/emergency-all",
        RESPOND,
        emergency,
        Gives::Json(of::<DownAll>()),
    )
    .about(
        "drones",
        "Stop the motors of every drone at once; one result per drone",
    ),
];

/// Answer of the three.
#[derive(Serialize, ToSchema)]
pub(crate) struct DownAll {
    /// Whether every drone that needed it was told.
    success: bool,
    /// What came of it, for people.
    message: String,
    timestamp: Ts,
    /// `land`, `stop` or `emergency`.
    command: String,
    /// One for each configured drone, in order of configuration.
    results: Vec<DownResult>,
}

/// What came of it for one drone, so far.
#[derive(Serialize, ToSchema)]
struct DownResult {
    /// Id of the drone.
    drone_id: String,
    /// `sent`; `done`; `not_needed`: it is not connected, or proven to be on the
    /// ground; `failed`.
    result: &'static str,
    /// What came of it, for people.
    message: String,
    /// Id of the command, also when it was not taken; null when there is no such drone.
    #[schema(value_type = Option<String>)]
    command_id: Option<CommandId>,
}

/// `POST /api/drones/land-all`
pub(crate) fn land(call: Call) -> BoxFuture<'static, Answer> {
    all(call, Command::Land)
}

/// `POST /api/drones/stop-all`
pub(crate) fn stop(call: Call) -> BoxFuture<'static, Answer> {
    all(call, Command::Stop)
}

/// `POST /api/drones/emergency-all`
pub(crate) fn emergency(call: Call) -> BoxFuture<'static, Answer> {
    all(call, Command::Emergency)
}

fn all(call: Call, command: Command) -> BoxFuture<'static, Answer> {
    Box::pin(async move {
        let ids: Vec<String> = call
            .app
            .vehicles
            .views()
            .iter()
            .map(|drone| drone.id.to_string())
            .collect();
        let by = operator(&call);
        let results = join_all(ids.into_iter().map(|id| one(&call, id, command, &by))).await;
        let count = |result| results.iter().filter(|one| one.result == result).count();
        let (told, failed) = (count("sent") + count("done"), count("failed"));
        Ok(respond::json(&DownAll {
            success: failed == 0,
            message: format!(
                "{command}: {told} of {} drones told, {failed} failed",
                results.len()
            ),
            timestamp: Ts::now(),
            command: command.to_string(),
            results,
        }))
    })
}

async fn one(call: &Call, id: String, command: Command, by: &Operator) -> DownResult {
    let mut command_id = None;
    let (result, message) = match order(call, &id, command, by).await {
        Err(CommandError::Refused { id, why }) => {
            command_id = Some(id);
            let is_needed = !matches!(why, Refusal::NotConnected | Refusal::NotAirborne);
            (
                if is_needed { "failed" } else { "not_needed" },
                why.to_string(),
            )
        }
        Err(error) => ("failed", error.to_string()),
        Ok(mut pending) => {
            command_id = Some(pending.id());
            match pending.settled_within(REFUSED_WITHIN).await {
                None => ("sent", taken(&id, command)),
                Some(outcome) => ended(&id, command, outcome)
                    .map_or_else(|why| ("failed", why), |done| ("done", done)),
            }
        }
    };
    DownResult {
        drone_id: id,
        result,
        message,
        command_id,
    }
}
