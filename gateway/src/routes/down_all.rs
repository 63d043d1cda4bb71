//! `POST /api/drones/land-all`, `stop-all` and `emergency-all`: one wish for every
//! drone, with a result for each. The same over `/ws` and the command line.
//!
//! No drone waits for another: the commands leave at once, and what keeps one
//! from being told keeps none of the others. Always 200, as soon as any result
//! is there for each; who asks reads them one by one.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use access::{Session, SessionId};
use futures_util::future::{BoxFuture, join_all};
use readings::command::CommandId;
use serde::Serialize;
use tello::command::Command;
use utoipa::ToSchema;

use super::drone_call::{REFUSED_WITHIN, ended, operator, taken};
use crate::http::call::Call;
use crate::http::envelope::Outcome as Answer;
use crate::http::respond;
use crate::http::route::{Gives, Route, Verb};
use crate::http::rows::{RESPOND, later};
use crate::http::scalars::Ts;
use crate::http::shape::of;
use crate::http::state::App;
use crate::sources::vehicles::{CommandError, Operator, Pending, Refusal};

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
pub(super) struct DownResult {
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
        let caller = Caller::of(&call);
        Ok(respond::json(&tell_all(&call.app, command, &caller).await))
    })
}

/// Who brings them down, for the commands and the audit trail.
#[derive(Clone)]
pub(crate) struct Caller {
    by: Operator,
    session: Option<SessionId>,
    client: IpAddr,
}

impl Caller {
    /// That of a request.
    pub(crate) fn of(call: &Call) -> Caller {
        Caller {
            by: operator(call),
            session: call.session.as_ref().map(Session::id),
            client: call.client,
        }
    }
}

/// Whoever stands at the board: of no session.
pub(super) fn console() -> Operator {
    Operator {
        id: "console".into(),
        name: "console".into(),
        session: None,
    }
}

/// Tells every drone the command of that name, for whoever stands at the board; the results
/// as JSON. None for a command that brings nobody down.
pub(crate) fn by_console(app: &Arc<App>, name: &str) -> Option<BoxFuture<'static, String>> {
    let command = match name {
        "land" => Command::Land,
        "stop" => Command::Stop,
        "emergency" => Command::Emergency,
        _ => return None,
    };
    let app = Arc::clone(app);
    Some(Box::pin(async move {
        let caller = Caller {
            by: console(),
            session: None,
            client: Ipv4Addr::LOCALHOST.into(),
        };
        let told = tell_all(&app, command, &caller).await;
        serde_json::to_string(&told).unwrap_or_default()
    }))
}

/// Tells every drone `command`, all at once; one result for each. One record of the audit
/// trail names them all: 64 of them would be more than its budget of a minute.
pub(crate) async fn tell_all(app: &App, command: Command, caller: &Caller) -> DownAll {
    let ids: Vec<Arc<str>> = app
        .vehicles
        .views()
        .into_iter()
        .map(|drone| drone.id)
        .collect();
    let results = join_all(ids.iter().map(|id| one(app, id, command, &caller.by))).await;
    let count = |result| results.iter().filter(|one| one.result == result).count();
    let (told, failed) = (count("sent") + count("done"), count("failed"));
    app.access.record_flight(
        &caller.by.name,
        caller.session,
        caller.client,
        &record(command, &results),
    );
    DownAll {
        success: failed == 0,
        message: format!(
            "{command}: {told} of {} drones told, {failed} failed",
            results.len()
        ),
        timestamp: Ts::now(),
        command: command.to_string(),
        results,
    }
}

/// What the audit trail keeps of it: each drone with its command and what came of it.
fn record(command: Command, results: &[DownResult]) -> String {
    let mut text = format!("{command}-all:");
    for result in results {
        text.push_str(&format!(" {},", result.in_short()));
    }
    text.pop();
    text
}

impl DownResult {
    /// Whether the drone was not told, and needed to be.
    pub(super) fn has_failed(&self) -> bool {
        self.result == "failed"
    }

    /// The drone with what came of it, for the audit trail.
    pub(super) fn in_short(&self) -> String {
        let id = self.command_id.map(|id| format!(" ({id})"));
        format!(
            "{} {}{}",
            self.drone_id,
            self.result,
            id.unwrap_or_default()
        )
    }
}

pub(super) async fn one(app: &App, id: &str, command: Command, by: &Operator) -> DownResult {
    let given = app.vehicles.command(id, command, by).await;
    settled(id, command, given, false).await
}

/// What comes of a command to one of several drones: so far, or `wait`ed for.
pub(super) async fn settled(
    id: &str,
    command: Command,
    given: Result<Pending, CommandError>,
    wait: bool,
) -> DownResult {
    let mut command_id = None;
    let (result, message) = match given {
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
            let outcome = match wait {
                true => Some(pending.settled().await),
                false => pending.settled_within(REFUSED_WITHIN).await,
            };
            match outcome {
                None => ("sent", taken(id, command)),
                Some(outcome) => ended(id, command, outcome)
                    .map_or_else(|why| ("failed", why), |done| ("done", done)),
            }
        }
    };
    DownResult {
        drone_id: id.to_owned(),
        result,
        message,
        command_id,
    }
}
