//! What came of commands: the newest ones, and one by its id.
//!
//! Read from the ring of events, which is bounded: a command that gave way to newer
//! ones is 404 here, and stays in the audit trail.

use std::sync::Arc;

use http::StatusCode;
use readings::command::{CommandId, CommandState};
use readings::event::{CommandRecord, EventKind};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::call::Call;
use crate::http::envelope::{ApiError, Outcome};
use crate::http::params::{Kind, Location, Param};
use crate::http::respond;
use crate::http::route::{Gives, Route};
use crate::http::rows::{READ, get};
use crate::http::scalars::Ts;
use crate::http::shape::{list_of, of};

/// The routes of this file.
pub(crate) const ROUTES: &[Route] = &[
    get(
        "/api/commands",
        READ,
        list,
        Gives::Json(list_of::<CommandView>()),
    )
    .about("drones", "List the newest commands with what came of each"),
    get(
        "/api/commands/{command_id}",
        READ,
        one,
        Gives::Json(of::<CommandView>()),
    )
    .about("drones", "Get a command and what came of it")
    .takes(ONE),
];

/// Parameters of the route on one command.
pub(crate) const ONE: &[Param] = &[Param::required(
    Location::Path,
    "command_id",
    Kind::Text,
    "Id of the command, as the answer to it said",
)];

/// A command, and how far it has come.
#[derive(Serialize, ToSchema)]
pub(crate) struct CommandView {
    /// Stays the same in events, details and the audit trail.
    #[schema(value_type = String)]
    command_id: CommandId,
    /// The drone it is for; null for all of them.
    #[schema(value_type = Option<String>)]
    drone_id: Option<Arc<str>>,
    /// Its words in the drone's protocol.
    #[schema(value_type = String)]
    command: Arc<str>,
    /// `command` when somebody gave it, `guard` when the gateway did by itself.
    #[schema(value_type = String)]
    kind: EventKind,
    /// Who gave it: the name of a key, or `gateway`.
    #[schema(value_type = Option<String>)]
    by: Option<Arc<str>>,
    /// `queued`, `sent`, `answered` (by the drone), `confirmed` (by its state),
    /// `unconfirmed`, `refused` or `overtaken`.
    #[schema(value_type = String)]
    state: CommandState,
    /// Why it ended like that, or why the gateway gave it.
    #[schema(value_type = Option<String>)]
    why: Option<Arc<str>>,
    /// When it was given.
    given_at: Ts,
    /// When it came as far as `state` says.
    changed_at: Ts,
}

impl From<CommandRecord> for CommandView {
    fn from(record: CommandRecord) -> CommandView {
        CommandView {
            command_id: record.id,
            drone_id: record.drone,
            command: record.command,
            kind: record.kind,
            by: record.who,
            state: record.state,
            why: record.why,
            given_at: Ts(record.given),
            changed_at: Ts(record.changed),
        }
    }
}

/// `GET /api/commands`
pub(crate) fn list(call: &mut Call) -> Outcome {
    let commands = call.app.events.commands();
    // (Their words are shared with the record of events.)
    let held = size_of_val(&commands[..]);
    let views = commands.into_iter().map(CommandView::from);
    Ok(respond::streamed(&[(); 0], views, held))
}

/// `GET /api/commands/{command_id}`
pub(crate) fn one(call: &mut Call) -> Outcome {
    let wanted: Option<CommandId> = call.param.parse().ok();
    let mut commands = call.app.events.commands().into_iter();
    let found = commands.find(|command| Some(command.id) == wanted);
    found
        .map(|command| respond::json(&CommandView::from(command)))
        .ok_or_else(|| {
            ApiError::new(
                StatusCode::NOT_FOUND,
                "COMMAND_NOT_FOUND",
                "Command not found, or older than the newest events reach",
            )
        })
}
