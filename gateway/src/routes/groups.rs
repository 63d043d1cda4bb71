//! Groups of drones (`[[drones.group]]`): one order to all of them.
//!
//! What lifts, moves or sets is for all or for none: each is asked first whether it could,
//! by the same judgement as its own order, and only when every one says yes does it leave,
//! to all at once. It needs control of each. What brings down waits for nobody and nothing:
//! it goes at once to each that has a link, with a result for each.

use std::sync::LazyLock;

use access::Session;
use futures_util::future::{BoxFuture, join_all};
use http::StatusCode;
use readings::clock::Mono;
use serde::Serialize;
use tello::catalog::COMMANDS;
use tello::command::Command;
use utoipa::ToSchema;

use super::down_all::{DownResult, one, settled};
use super::drone_call::{operator, refused_of};
use super::flight::{MOVE, ROTATE, WAIT, moved, rotated};
use super::sdk_commands::{flown, params_of, read};
use crate::config::DroneGroup;
use crate::http::call::Call;
use crate::http::envelope::{ApiError, Outcome as Answer};
use crate::http::inputs::path_id;
use crate::http::params::{Kind, Location, Param};
use crate::http::respond;
use crate::http::route::{Gives, Policy, Route, Verb};
use crate::http::rows::{READ, RESPOND, WRITE, get, later};
use crate::http::scalars::Ts;
use crate::http::shape::{list_of, of};
use crate::sources::vehicles::{CommandError, Operator, Pending, Refusal, Vehicles};

/// The group in the path.
const GROUP: Param = Param::required(Location::Path, "group_id", Kind::Id, "Id of the group");

/// The routes: those of one drone, for groups.
pub(crate) static ROUTES: LazyLock<Vec<Route>> = LazyLock::new(|| {
    let order = |word: &str, policy: Policy, takes: Vec<Param>, about: &'static str| {
        let path = format!("/api/groups/{{group_id}}/{word}");
        later(
            Verb::Post,
            path.leak(),
            policy,
            run,
            Gives::Json(of::<GroupResult>()),
        )
        .about("drones", about)
        .takes(takes.leak())
        .may_conflict()
    };
    // (The first of each is the drone.)
    let fixed = |own: &[Param]| -> Vec<Param> {
        let rest = own.iter().skip(2).copied();
        [GROUP, WAIT].into_iter().chain(rest).collect()
    };
    let mut routes = vec![
        get(
            "/api/groups",
            READ,
            list,
            Gives::Json(list_of::<GroupView>()),
        )
        .about("drones", "List the groups of drones"),
        order(
            "takeoff",
            WRITE,
            fixed(&[]),
            "Take off, all of them or none",
        ),
        order("land", RESPOND, fixed(&[]), "Land each of the group"),
        order(
            "stop",
            RESPOND,
            fixed(&[]),
            "Stop each of the group where it is",
        ),
        order(
            "emergency",
            RESPOND,
            fixed(&[]),
            "Stop the motors of each of the group at once",
        ),
        order(
            "move",
            WRITE,
            fixed(MOVE),
            "Fly in a straight line, all of them or none",
        ),
        order(
            "rotate",
            WRITE,
            fixed(ROTATE),
            "Rotate, all of them or none",
        ),
    ];
    routes.extend(COMMANDS.iter().map(|entry| {
        let takes = [GROUP, WAIT].into_iter().chain(params_of(entry)).collect();
        order(entry.word, WRITE, takes, entry.about)
    }));
    routes
});

/// A group.
#[derive(Serialize, ToSchema)]
pub(crate) struct GroupView {
    /// Its id.
    id: String,
    /// Ids of its drones.
    drones: Vec<String>,
}

/// Answer of an order to a group.
#[derive(Serialize, ToSchema)]
pub(crate) struct GroupResult {
    /// Whether each of them was told, or needed no telling.
    success: bool,
    /// How many were told, in words.
    message: String,
    /// When that was said.
    timestamp: Ts,
    /// Id of the group.
    group_id: String,
    /// The command, as the SDK writes it.
    command: String,
    /// One for each drone, in order of configuration.
    results: Vec<DownResult>,
}

/// `GET /api/groups`
fn list(call: &mut Call) -> Answer {
    let groups = call.config.drones.group.iter().map(|group| GroupView {
        id: group.id.clone(),
        drones: group.drones.clone(),
    });
    Ok(respond::json(&groups.collect::<Vec<_>>()))
}

/// `POST /api/groups/{group_id}/…`
fn run(mut call: Call) -> BoxFuture<'static, Answer> {
    Box::pin(async move {
        path_id("group_id", &call.param)?;
        let word = call.template.rsplit('/').next().unwrap_or_default();
        let wait = call.inputs.flag(&WAIT).unwrap_or(false);
        let command = match word {
            "takeoff" => Ok(Command::Takeoff),
            "land" => Ok(Command::Land),
            "stop" => Ok(Command::Stop),
            "emergency" => Ok(Command::Emergency),
            "move" => moved(&mut call),
            "rotate" => rotated(&mut call),
            word => {
                let entry = tello::catalog::entry(word).ok_or_else(ApiError::internal)?;
                read(&mut call, entry)?.and_then(flown)
            }
        };
        call.inputs.finish()?;
        let group = group(&call)?;
        let command = command?;
        let brings_down = matches!(command, Command::Land | Command::Stop | Command::Emergency);
        let results = if brings_down {
            let by = operator(&call);
            let each = group
                .drones
                .iter()
                .map(|id| one(&call.app, id, command, &by));
            join_all(each).await
        } else {
            all_or_none(&call, &group, command, wait).await?
        };
        let result = group_result(&group, command, results);
        let what: Vec<String> = result.results.iter().map(DownResult::in_short).collect();
        tell(
            &call,
            &format!("group {}: {command}: {}", group.id, what.join(", ")),
        );
        Ok(respond::json(&result))
    })
}

fn group_result(group: &DroneGroup, command: Command, results: Vec<DownResult>) -> GroupResult {
    let failed = results.iter().filter(|one| one.has_failed()).count();
    GroupResult {
        success: failed == 0,
        message: format!(
            "{command}: {} of the {} drones of group {} told, {failed} failed",
            results.len() - failed,
            results.len(),
            group.id
        ),
        timestamp: Ts::now(),
        group_id: group.id.clone(),
        command: command.to_string(),
        results,
    }
}

fn group(call: &Call) -> Result<DroneGroup, ApiError> {
    let mut groups = call.config.drones.group.iter();
    let found = groups.find(|group| group.id == call.param);
    found.cloned().ok_or_else(|| {
        let words = format!("There is no group {:?}: see [[drones.group]]", call.param);
        ApiError::new(StatusCode::NOT_FOUND, "GROUP_NOT_FOUND", words)
    })
}

/// Gives each the command, if each may have it; else none, with why of each that may not.
async fn all_or_none(
    call: &Call,
    group: &DroneGroup,
    command: Command,
    wait: bool,
) -> Result<Vec<DownResult>, ApiError> {
    let by = operator(call);
    let judged = group.drones.iter().map(|id| judge(call, id, command, &by));
    let mut refusals = Vec::new();
    for (id, verdict) in group.drones.iter().zip(join_all(judged).await) {
        refusals.extend(verdict.err().map(|error| (id, error)));
    }
    if !refusals.is_empty() {
        let each: Vec<String> = refusals
            .iter()
            .map(|(id, error)| format!("{id}: {error}"))
            .collect();
        let words = format!(
            "{command} was given to none of {}: {}",
            group.id,
            each.join("; ")
        );
        tell(call, &format!("group {}: {words}", group.id));
        let (_, first) = refusals.swap_remove(0);
        return Err(refused_of(command, first, words));
    }
    let given = give(&call.app.vehicles, &group.drones, command, &by).await;
    let each = group.drones.iter().zip(given);
    Ok(join_all(each.map(|(id, given)| settled(id, command, given, wait))).await)
}

/// Gives each of `drones` the command, all at once: each drone's task sends by itself, and
/// no one waits for another. One that does not take it, although it was asked, takes the
/// command back from the others: nobody is left on the way.
async fn give(
    vehicles: &Vehicles,
    drones: &[String],
    command: Command,
    by: &Operator,
) -> Vec<Result<Pending, CommandError>> {
    let given = drones.iter().map(|id| vehicles.command(id, command, by));
    let given = join_all(given).await;
    if given.iter().any(Result::is_err) {
        // Something came between the question and the order.
        let back = match command.takes_off() {
            true => Command::Land,
            false => Command::Stop,
        };
        let moving = drones.iter().zip(&given).filter(|(_, given)| given.is_ok());
        join_all(moving.map(|(id, _)| vehicles.command(id, back, by))).await;
    }
    given
}

/// Whether `by` may give `id` the command now. It needs control of it: of a group nobody
/// may fly one that another could take over in the middle.
async fn judge(call: &Call, id: &str, command: Command, by: &Operator) -> Result<(), CommandError> {
    let vehicles = &call.app.vehicles;
    let control = vehicles.controls().of(id, Mono::now());
    let why = match control {
        None => Some(Refusal::NoControl),
        Some(control) if control.by.session != by.session => {
            Some(Refusal::Controlled(control.by.name))
        }
        Some(_) => None,
    };
    vehicles.judge(id, command, by, why).await
}

fn tell(call: &Call, what: &str) {
    let session = call.session.as_ref().map(Session::id);
    call.app
        .access
        .record_flight(call.actor(), session, call.client, what);
}

#[cfg(test)]
#[path = "groups_tests.rs"]
mod tests;
