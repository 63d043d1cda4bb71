//! `/api/plans`: flight plans judged, started, shown, paused and ended.
//!
//! What a plan is, whether it may fly and how it goes is the plans' room; here requests
//! become that and its answers become the API's. The console's way in stands here as well:
//! a command line that asks each second counts as somebody who is there.

use access::{Session, SessionId};
use http::StatusCode;
use readings::clock::Mono;
use serde_json::{Map, Value, json};
use std::net::Ipv4Addr;

use super::drone_call::operator;
use crate::http::call::Call;
use crate::http::envelope::{ApiError, Issue, Outcome as Answer};
use crate::http::params::{Kind, Location, Param};
use crate::http::respond;
use crate::http::route::{Gives, Route, Verb};
use crate::http::rows::{READ, RESPOND, WRITE, get, now};
use crate::http::shape::{list_of, of};
use crate::http::state::App;
use crate::plans::{self, CONSOLE, Fault, NotDone, NotStarted, Plan, PlanView, Starter, Turn};
use crate::sources::vehicles::Operator;

const NAME: Param = Param::required(
    Location::Body,
    "name",
    Kind::Chars { min: 1, max: 64 },
    "Name of the plan",
);
const STEPS: Param = Param::required(
    Location::Body,
    "steps",
    Kind::Objects(r#"[{"drones": ["drone_001"], "command": "takeoff"}]"#),
    "1 to 200 steps, as docs/plan.schema.json says",
);
const PLAN: &[Param] = &[NAME, STEPS];
const ID: Param = Param::required(Location::Path, "plan_id", Kind::Text, "Id of the plan");
const LAND: Param = Param::optional(
    Location::Query,
    "leave",
    Kind::Flag,
    "Leave its drones in the air with their flyer instead of landing them; the flyer's alone",
);

const fn turned(path: &'static str, handler: fn(&mut Call) -> Answer) -> Route {
    now(Verb::Post, path, WRITE, handler).gives(Gives::Json(of::<PlanView>()))
}

/// The routes of this file.
pub(crate) const ROUTES: &[Route] = &[
    turned("/api/plans/check", check)
        .about(
            "plans",
            "Judge a flight plan from how its drones are now; nothing is sent",
        )
        .takes(PLAN),
    turned("/api/plans", start)
        .about(
            "plans",
            "Start a flight plan for the session in X-Session, which has control of its drones",
        )
        .takes(PLAN)
        .also(&["400"])
        .may_conflict(),
    get("/api/plans", READ, list, Gives::Json(list_of::<PlanView>())).about(
        "plans",
        "List the flight plans under way, and the newest that are over",
    ),
    get(
        "/api/plans/{plan_id}",
        READ,
        one,
        Gives::Json(of::<PlanView>()),
    )
    .about(
        "plans",
        "Get a flight plan: its steps, and what came of each for each drone",
    )
    .takes(&[ID]),
    turned("/api/plans/{plan_id}/pause", pause)
        .about(
            "plans",
            "Let commands under way end, and begin no further step",
        )
        .takes(&[ID])
        .may_conflict(),
    turned("/api/plans/{plan_id}/resume", resume)
        .about("plans", "Go on with the next step")
        .takes(&[ID])
        .may_conflict(),
    now(Verb::Post, "/api/plans/{plan_id}/end", RESPOND, end)
        .gives(Gives::Json(of::<PlanView>()))
        .about("plans", "End a flight plan; its drones land")
        .takes(&[ID, LAND])
        .may_conflict(),
];

/// The plan in a body.
fn read(call: &mut Call) -> Result<Plan, ApiError> {
    let plan = plans::read(call.inputs.body(), &call.config.drones);
    call.inputs.finish()?;
    plan.map_err(|faults| {
        let issue =
            |fault: Fault| Issue::new("value_error", "body", &fault.at, fault.why, Value::Null);
        ApiError::validation(faults.into_iter().map(issue).collect())
    })
}

/// `POST /api/plans/check`
fn check(call: &mut Call) -> Answer {
    let plan = read(call)?;
    Ok(respond::json(
        &call.app.plans.judge(&plan, &call.config.drones),
    ))
}

/// `POST /api/plans`
fn start(call: &mut Call) -> Answer {
    let plan = read(call)?;
    let by = operator(call);
    let starter = Starter {
        actor: call.actor().to_owned(),
        session: call.session.as_ref().map(Session::id),
        client: call.client,
    };
    let started = call
        .app
        .plans
        .start(plan, &call.config.drones, &by, starter);
    let view = started.map_err(|why| {
        let (status, code) = match why {
            NotStarted::NoSession => (StatusCode::BAD_REQUEST, "SESSION_REQUIRED"),
            NotStarted::NoControl(_) => (StatusCode::CONFLICT, "DRONE_CONTROLLED"),
            NotStarted::Busy { .. } => (StatusCode::CONFLICT, "DRONE_IN_PLAN"),
            NotStarted::Refused(_) => (StatusCode::CONFLICT, "PLAN_REFUSED"),
        };
        ApiError::new(status, code, why.to_string())
    })?;
    Ok(respond::json(&view))
}

/// `GET /api/plans`
fn list(call: &mut Call) -> Answer {
    Ok(respond::json(&call.app.plans.views()))
}

/// `GET /api/plans/{plan_id}`
fn one(call: &mut Call) -> Answer {
    let view = call.app.plans.view(&call.param);
    let view = view.ok_or_else(|| not_done(&NotDone::Unknown(call.param.clone())))?;
    Ok(respond::json(&view))
}

/// `POST /api/plans/{plan_id}/pause`
fn pause(call: &mut Call) -> Answer {
    turn(call, Turn::Pause)
}

/// `POST /api/plans/{plan_id}/resume`
fn resume(call: &mut Call) -> Answer {
    turn(call, Turn::Resume)
}

/// `POST /api/plans/{plan_id}/end`
fn end(call: &mut Call) -> Answer {
    let leaves = call.inputs.flag(&LAND).unwrap_or(false);
    call.inputs.finish()?;
    turn(call, if leaves { Turn::Leave } else { Turn::End })
}

fn turn(call: &mut Call, turn: Turn) -> Answer {
    let by = operator(call);
    let done = call.app.plans.turn(&call.param, turn, &by);
    Ok(respond::json(&done.map_err(|why| not_done(&why))?))
}

fn not_done(why: &NotDone) -> ApiError {
    let (status, code) = match why {
        NotDone::Unknown(_) => (StatusCode::NOT_FOUND, "PLAN_NOT_FOUND"),
        NotDone::Not(_) => (StatusCode::CONFLICT, "PLAN_STATE"),
        NotDone::NotYours(_) => (StatusCode::CONFLICT, "PLAN_CONTROLLED"),
    };
    ApiError::new(status, code, why.to_string())
}

/// Does what the command line asks: the answer as JSON, or why not. With a `session`, asking
/// says that somebody is there.
pub(crate) fn by_console(
    app: &App,
    action: &str,
    subject: &Value,
    session: Option<&str>,
) -> Result<Value, String> {
    let (now, controls) = (Mono::now(), app.vehicles.controls());
    let again = session.map(str::parse::<SessionId>).transpose();
    let again = again.map_err(|_| "that is no session".to_owned())?;
    let presence = controls.presences().open(&CONSOLE.into(), again, now);
    let by = Operator {
        id: CONSOLE.into(),
        name: CONSOLE.into(),
        session: Some(presence.id()),
    };
    let is_asked_anew = again.is_some_and(|again| again != presence.id());
    if action == "start" || (again.is_some() && !is_asked_anew) {
        presence.say(now);
    }
    let plan = || {
        let none = Map::new();
        let plan = plans::read(
            subject.as_object().unwrap_or(&none),
            &app.config.load().drones,
        );
        plan.map_err(|faults| {
            faults
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join("\n")
        })
    };
    let id = subject.as_str().unwrap_or_default();
    let turn = |turn| app.plans.turn(id, turn, &by).map_err(|why| why.to_string());
    let view = match action {
        "check" => Ok(app.plans.judge(&plan()?, &app.config.load().drones)),
        "start" => {
            let (plan, config) = (plan()?, app.config.load());
            if let Some(why) = app.plans.judge(&plan, &config.drones).refusal() {
                return Err(NotStarted::Refused(why.to_owned()).to_string());
            }
            take_all(app, &plan, &by)?;
            let starter = Starter {
                actor: CONSOLE.to_owned(),
                session: None,
                client: Ipv4Addr::LOCALHOST.into(),
            };
            let started = app.plans.start(plan, &config.drones, &by, starter);
            started.map_err(|why| why.to_string())
        }
        "look" => app
            .plans
            .view(id)
            .ok_or_else(|| NotDone::Unknown(id.to_owned()).to_string()),
        "pause" | "resume" | "end" => {
            let what = match action {
                "pause" => Turn::Pause,
                "resume" => Turn::Resume,
                _ => Turn::End,
            };
            turn(what)
        }
        _ => return Ok(json!(app.plans.views())),
    };
    Ok(json!({ "plan": view?, "session": presence.id().to_string() }))
}

/// Takes control of every drone of a plan, if nobody has it.
fn take_all(app: &App, plan: &Plan, by: &Operator) -> Result<(), String> {
    let (now, controls) = (Mono::now(), app.vehicles.controls());
    for id in plan.drones() {
        let admitted = controls.admit(id, by, now);
        admitted.map_err(|name| format!("{name} has control of {id}"))?;
    }
    for id in plan.drones() {
        let taken = controls.take(id, by, now);
        taken.map_err(|_| "there is no room for another session".to_owned())?;
        let told = format!("{id}: control taken");
        app.access
            .record_flight(CONSOLE, None, Ipv4Addr::LOCALHOST.into(), &told);
    }
    Ok(())
}
