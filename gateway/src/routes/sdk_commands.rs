//! Routes made from the table of the SDK's commands: `POST /api/drones/{drone_id}/go` and
//! its like, one for each entry of [`tello::catalog`].
//!
//! Nothing here names a command: a new entry there is a route, its parameters, and its part
//! of the document here. Distances are centimetres, as in `/move`.

use std::sync::LazyLock;

use futures_util::future::BoxFuture;
use serde_json::{Map, Value};
use tello::catalog::{
    COMMANDS, Entry, Kind as SdkKind, Listed, Parameter, Unit, elsewhere, entry, pads,
};
use tello::command::Command;
use tello::path;

use crate::http::call::Call;
use crate::http::envelope::{ApiError, Issue, Outcome as Answer};
use crate::http::inputs::path_id;
use crate::http::params::{Kind, Location, Param};
use crate::http::route::{Route, Verb};
use crate::http::rows::{SUCCESS, WRITE, later};
use crate::routes::ask::asked;
use crate::routes::drone_call::{ID, drone, fly, given};
use crate::routes::extension::extended;
use crate::routes::flight::{WAIT, choice, invalid};

/// The routes: made once, as the table of routes is.
pub(crate) static ROUTES: LazyLock<Vec<Route>> =
    LazyLock::new(|| COMMANDS.iter().map(route).collect());

fn route(entry: &'static Entry) -> Route {
    let path = format!("/api/drones/{{drone_id}}/{}", entry.word);
    let takes: Vec<Param> = [ID, WAIT].into_iter().chain(params_of(entry)).collect();
    later(Verb::Post, path.leak(), WRITE, run, SUCCESS)
        .about("drones", entry.about)
        .takes(takes.leak())
}

/// The parameters of a command as those of a body.
pub(super) fn params_of(entry: &'static Entry) -> impl Iterator<Item = Param> {
    entry.parameters.iter().map(param)
}

/// A parameter of the SDK as one of a body.
fn param(parameter: &Parameter) -> Param {
    let int = |low: i32, high: i32| Kind::Int {
        min: low.into(),
        max: high.into(),
        default: None,
    };
    let kind = match parameter.kind {
        SdkKind::Number { low, high, .. } => int(low, high),
        SdkKind::Pad { any } => int(*pads(any).start(), *pads(any).end()),
        SdkKind::Choice(choices) => {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            Kind::Choice(names.leak())
        }
    };
    let about = match parameter.kind {
        SdkKind::Number { unit, .. } => format!("{}{}", parameter.about, unit.behind()).leak(),
        SdkKind::Pad { .. } | SdkKind::Choice(_) => parameter.about,
    };
    match parameter.optional {
        true => Param::optional(Location::Body, parameter.name, kind, about),
        false => Param::required(Location::Body, parameter.name, kind, about),
    }
}

/// `POST /api/drones/{drone_id}/…`
fn run(mut call: Call) -> BoxFuture<'static, Answer> {
    Box::pin(async move {
        path_id("drone_id", &call.param)?;
        let word = call.template.rsplit('/').next().unwrap_or_default();
        let entry = entry(word).ok_or_else(ApiError::internal)?;
        let listed = read(&mut call, entry)?;
        let wait = call.inputs.flag(&WAIT).unwrap_or(false);
        call.inputs.finish()?;
        drone(&call)?;
        given(fly(&call, flown(listed?)?, wait).await?)
    })
}

/// The command that a body stands for, or what it lacks; issues with single values are
/// kept by the inputs, so that all are told at once.
pub(super) fn read(
    call: &mut Call,
    entry: &'static Entry,
) -> Result<Result<Listed, ApiError>, ApiError> {
    // A misspelled `pad` that is passed over would be another path.
    call.inputs.no_others(call.params);
    let mut values = Vec::with_capacity(entry.parameters.len());
    // (The first two are the drone and `wait`.)
    let params = call.params.get(2..).unwrap_or_default();
    for (parameter, param) in entry.parameters.iter().zip(params) {
        let value = match parameter.kind {
            SdkKind::Choice(_) => {
                let name = choice(call, param)?;
                parameter.kind.of_name(&name)
            }
            _ => call
                .inputs
                .int(param)
                .and_then(|value| i32::try_from(value).ok()),
        };
        values.push((parameter.name, value));
    }
    let of = |wanted: &Parameter| {
        let mut values = values.iter();
        values
            .find(|(name, _)| *name == wanted.name)
            .and_then(|(_, value)| *value)
    };
    Ok(entry.with(of).map_err(|parameter| {
        let value = of(parameter).map_or(Value::Null, Into::into);
        let message = format!("must be {}", parameter.kind);
        let issue = Issue::new("value_error", "body", parameter.name, message, value);
        ApiError::validation(vec![issue])
    }))
}

/// The command, unless its path is none that a drone flies.
///
/// # Errors
/// 400, with what is wrong and what to change.
pub(crate) fn flown(listed: Listed) -> Result<Command, ApiError> {
    match path::way(&listed) {
        Ok(_) => Ok(Command::Listed(listed)),
        Err(error) => Err(invalid(&error.to_string())),
    }
}

/// Name of what passes text on to the TT's own controller, and of what asks.
pub(super) const EXTENSION: &str = "ext";
pub(super) const ASK: &str = "ask";

/// Who counts in metres says metres a second as well.
pub(crate) const CM_PER_METRE: f64 = 100.0;

/// A command of the SDK's table; lengths and speeds count `cm` centimetres each.
pub(crate) fn of_params(
    name: &str,
    params: &Map<String, Value>,
    cm: f64,
) -> Result<Command, ApiError> {
    if name == EXTENSION {
        let text = params.get("text").and_then(Value::as_str);
        return extended(text.unwrap_or_default());
    }
    if name == ASK {
        let what = params.get("what").and_then(Value::as_str);
        return asked(what.unwrap_or_default());
    }
    let entry = entry(name).ok_or_else(|| not_here(name))?;
    all_known(entry, params)?;
    let value = |parameter: &Parameter| {
        let given = params.get(parameter.name);
        let given = given.filter(|value| !value.is_null())?;
        Some(value_of(parameter, given, cm).unwrap_or(UNREADABLE))
    };
    let unfit = |parameter: &Parameter| {
        let (name, kind) = (parameter.name, parameter.kind);
        let counts_in_metres = cm != 1.0 && is_length(kind);
        let metres = if counts_in_metres {
            "; here lengths are metres and speeds m/s"
        } else {
            ""
        };
        invalid(&format!("{name} must be {kind}{metres}"))
    };
    let listed = entry.with(value).map_err(unfit)?;
    flown(listed)
}

/// In place of a value that cannot be read: in no range, so that it is refused as one that
/// is too large is. Passed over, a pad would leave a path that starts from here.
const UNREADABLE: i32 = i32::MAX;

/// Whether it is a length or a speed, which who counts in metres says in metres.
fn is_length(kind: SdkKind) -> bool {
    let SdkKind::Number { unit, .. } = kind else {
        return false;
    };
    matches!(unit, Unit::Centimetres | Unit::CentimetresPerSecond)
}

/// The value of a parameter, a length counting `cm` centimetres; none if it is none.
fn value_of(parameter: &Parameter, given: &Value, cm: f64) -> Option<i32> {
    let text = given.as_str();
    let (scale, is_whole) = match parameter.kind {
        kind if is_length(kind) => (cm, false),
        SdkKind::Number { .. } => (1.0, true),
        // Known by their names; the SDK's word for one may be a number.
        SdkKind::Choice(_) | SdkKind::Pad { .. } => {
            let number = given.is_number().then(|| given.to_string());
            return parameter.kind.of_name(text.or(number.as_deref())?);
        }
    };
    let number = match text {
        Some(text) => text.trim().parse().ok()?,
        None => given.as_f64()?,
    };
    let value = (number * scale).round();
    let is_exact = !is_whole || value == number;
    (is_exact && value.abs() < f64::from(i32::MAX)).then_some(value as i32)
}

/// Refuses what is no parameter of the command: a misspelled `pad` that is passed over
/// would leave a path that starts from here.
fn all_known(entry: &Entry, params: &Map<String, Value>) -> Result<(), ApiError> {
    let names = || entry.parameters.iter().map(|parameter| parameter.name);
    let Some(unknown) = params.keys().find(|key| names().all(|name| name != *key)) else {
        return Ok(());
    };
    let known: Vec<&str> = names().collect();
    let takes = match known.as_slice() {
        [] => "nothing".to_owned(),
        known => known.join(", "),
    };
    Err(invalid(&format!(
        "{} takes no {unknown:?}; it takes {takes}",
        entry.word
    )))
}

/// Why a name is no command here: where its like is done, or why nobody does it.
fn not_here(name: &str) -> ApiError {
    match elsewhere(name) {
        Some(known) => invalid(&known.to_string()),
        None => invalid(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_of_the_table_is_a_route() {
        assert_eq!(ROUTES.len(), COMMANDS.len());
        let go = ROUTES
            .iter()
            .find(|route| route.path.ends_with("/go"))
            .expect("a route");
        assert_eq!(go.path, "/api/drones/{drone_id}/go");
        let names: Vec<&str> = go.params.iter().map(|param| param.name).collect();
        assert_eq!(names, ["drone_id", "wait", "x", "y", "z", "speed", "pad"]);
        assert!(go.params[2].required && !go.params[6].required);
        assert!(
            go.params[2].about.ends_with("(cm)"),
            "{}",
            go.params[2].about
        );
    }
}
