//! What is said on `/ws` about who is there and who flies: `presence`, `take_control`,
//! `give_control`, `veto_landing`.
//!
//! `presence` has no answer: it comes each second, and the greeting said whose it is.

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::http::params::{Kind, Location, Param};
use crate::http::state::App;
use crate::live::message::{ClientMessage, Reply, refusal, said, say};
use crate::routes::control::{self, Speaker};
use crate::routes::drone_views::ControlView;
use crate::routes::safety;
use crate::sources::vehicles::Presence;
use readings::clock::Mono;

/// Who speaks on a socket.
pub(crate) struct Flyer {
    pub(crate) speaker: Speaker,
    pub(crate) presence: Presence,
    /// Whether it may do more than look.
    pub(crate) may_write: bool,
}

/// Control of a drone as it is now; none after it was given back.
#[derive(Serialize, ToSchema)]
struct OfControl<'a> {
    /// Its id.
    drone_id: &'a str,
    /// Who has control now; null when it was given back.
    control: Option<ControlView>,
    /// Words for people.
    message: String,
}

/// A landing that is not flown.
#[derive(Serialize, ToSchema)]
struct OfVeto<'a> {
    /// Id of the drone.
    drone_id: &'a str,
    /// Words for people.
    message: String,
}

said! {
    VETOED: OfVeto<'static> = "landing_vetoed", "The landing that was announced is not flown";
    TAKEN: OfControl<'static> = "control_taken", "The session of this socket has control of a drone";
    GIVEN: OfControl<'static> = "control_given", "Control of a drone was given back";
}

/// Which drone is meant.
pub(super) const DRONE: Param =
    Param::required(Location::Body, "drone_id", Kind::Text, "Id of the drone");

/// What a client may say of who is there and who flies.
pub(super) const HEARD: &[ClientMessage] = &[
    ClientMessage {
        kind: "presence",
        members: &[],
        about: "Each second while somebody looks: keeps in the air what this session flies; no answer",
        answers: &[],
    },
    ClientMessage {
        kind: "take_control",
        members: &[DRONE],
        about: "Takes control of a drone: others fly it no more, and still land it",
        answers: &[TAKEN.kind],
    },
    ClientMessage {
        kind: "give_control",
        members: &[DRONE],
        about: "Gives control of a drone back",
        answers: &[GIVEN.kind],
    },
    ClientMessage {
        kind: "veto_landing",
        members: &[DRONE],
        about: "Vetoes the landing that the gateway has announced, as `POST /api/drones/{drone_id}/veto`",
        answers: &[VETOED.kind],
    },
];

/// The answer to a message about presence or control; none when it is about something else.
pub(crate) fn reply(
    app: &App,
    flyer: &Flyer,
    kind: &str,
    message: &Map<String, Value>,
) -> Option<Reply> {
    if kind == "presence" {
        flyer.presence.say(Mono::now());
        return Some(Reply::Nothing);
    }
    let (takes, error) = match kind {
        "take_control" => (true, "CONTROL_ERROR"),
        "give_control" => (false, "CONTROL_ERROR"),
        "veto_landing" => (false, "VETO_ERROR"),
        _ => return None,
    };
    let drone_id = message.get("drone_id").and_then(Value::as_str);
    let Some(drone_id) = drone_id.filter(|id| !id.is_empty()) else {
        let words = "drone_id is required";
        return Some(Reply::Now(refusal("MISSING_DRONE_ID", words)));
    };
    if !flyer.may_write {
        let words = "Insufficient permissions: write is required";
        return Some(Reply::Now(refusal(error, words)));
    }
    if kind == "veto_landing" {
        return Some(Reply::Now(veto(app, flyer, drone_id)));
    }
    let done = if takes {
        control::take(app, &flyer.speaker, drone_id)
    } else {
        control::give(app, &flyer.speaker, drone_id).map(|message| (None, message))
    };
    let kind = if takes { TAKEN } else { GIVEN };
    Some(Reply::Now(match done {
        Ok((control, message)) => say(
            kind,
            OfControl {
                drone_id,
                control,
                message,
            },
        ),
        Err(refused) => refusal(error, &refused.words()),
    }))
}

fn veto(app: &App, flyer: &Flyer, drone_id: &str) -> String {
    match safety::veto_landing(app, &flyer.speaker, drone_id) {
        Ok(message) => say(VETOED, OfVeto { drone_id, message }),
        Err(refused) => refusal("VETO_ERROR", &refused.words()),
    }
}
