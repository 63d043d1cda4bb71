//! `command` on `/ws`: what `POST /api/drones/{drone_id}/command` takes, without another
//! connection, and in the name of the socket's session.
//!
//! The message becomes the very call that the route gets, so that names, values, judgement,
//! records and words are those of the route; nothing here knows a command. Lengths are
//! metres. What is sent one after another arrives at a drone in that order.

use std::net::IpAddr;
use std::sync::Arc;

use access::{Denial, RateClass, Session, SessionId};
use futures_util::FutureExt as _;
use http::request::Parts;
use http::{HeaderValue, Request};
use readings::clock::Mono;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::http::call::Call;
use crate::http::envelope::ApiError;
use crate::http::inputs::Inputs;
use crate::http::params::{Kind, Location, Param};
use crate::http::rows::{RESPOND, WRITE};
use crate::http::state::App;
use crate::live::control_messages::DRONE;
use crate::live::message::{ClientMessage, Reply, refusal, said, say, stands_in};
use crate::routes::drone_call::SESSION;
use crate::routes::drone_command::{self, CommandResult, brings_down};
use crate::routes::drone_command_params::{NAMES, PARAMS};

/// What a command is given as.
pub(super) const KIND: &str = "command";
/// Longest text by which a client knows the answer to its command again.
const MAX_REFERENCE_BYTES: usize = 64;

/// What a command did.
#[derive(Serialize, ToSchema)]
struct Obeyed<'a> {
    /// Id of the drone.
    drone_id: &'a str,
    /// As the client gave it; absent where it gave none.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    /// As `POST /api/drones/{drone_id}/command` answers.
    result: CommandResult,
}

/// Why a command was not done.
#[derive(Serialize, ToSchema)]
struct NotObeyed<'a> {
    /// Id of the drone.
    drone_id: &'a str,
    /// As the client gave it; absent where it gave none.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
    /// For programs, as the route's: `INVALID_COMMAND`, `DRONE_CONTROLLED`…
    error_code: &'a str,
    /// For people.
    message: &'a str,
    /// Further context, as the route's: the id of the command among it.
    details: Option<&'a str>,
}

said! {
    RESULT: Obeyed<'static> = "command_result", "A command was done or, where nobody waits for its end, taken";
    REFUSED: NotObeyed<'static> = "command_refused", "A command was not done, and why";
}

/// What a client may say to have a drone do something.
pub(super) const HEARD: &[ClientMessage] = &[ClientMessage {
    kind: KIND,
    members: MEMBERS,
    about: "Has a drone do something, as `POST /api/drones/{drone_id}/command` with lengths in metres",
    answers: &[RESULT.kind, REFUSED.kind],
}];

const MEMBERS: &[Param] = &[
    DRONE,
    Param::required(
        Location::Body,
        "command",
        Kind::Choice(&NAMES),
        "What to do: a name of the gateway's own, or a word of the SDK's table",
    ),
    Param::optional(
        Location::Body,
        "params",
        Kind::Fields(PARAMS),
        "Its values, in m, m/s and degrees",
    ),
    Param::optional(
        Location::Body,
        "wait",
        Kind::Flag,
        "Answer when the command is over instead of when it is taken",
    ),
    Param::optional(
        Location::Body,
        "request_id",
        Kind::Chars {
            min: 1,
            max: MAX_REFERENCE_BYTES,
        },
        "Comes back in the answer: answers come as commands end, in any order",
    ),
];

/// Members that every message may have.
const OF_ALL: [&str; 2] = ["type", "timestamp"];

/// Who gives commands on a socket.
pub(crate) struct CommandMessages {
    session: Option<Session>,
    client: IpAddr,
    /// The head of a request of this socket's session.
    head: Parts,
}

/// A command as it was said.
#[cfg_attr(test, derive(Debug))]
struct Said {
    drone_id: String,
    request_id: Option<String>,
    command: String,
    wait: bool,
    params: Value,
}

impl CommandMessages {
    /// Those of a client that opens a socket, whose session is `own`.
    pub(crate) fn of(call: &Call, own: SessionId) -> CommandMessages {
        let (mut head, ()) = Request::new(()).into_parts();
        if let Ok(own) = HeaderValue::try_from(own.to_string()) {
            head.headers.insert(SESSION, own);
        }
        CommandMessages {
            session: call.session.clone(),
            client: call.client,
            head,
        }
    }

    /// The answer to a command; none when the message is about something else. What brings
    /// a drone down is done also where there `is_room` for no other.
    pub(crate) fn reply(&self, app: &Arc<App>, text: &str, is_room: bool) -> Option<Reply> {
        // Most messages are not looked at any closer.
        if !text.contains(KIND) {
            return None;
        }
        let message: Map<String, Value> = serde_json::from_str(text).ok()?;
        stands_in(HEARD, message.get("type")?.as_str()?).then_some(())?;
        let said = match Said::read(&message) {
            Ok(said) => said,
            Err(why) => return Some(Reply::Now(why)),
        };
        let call = match self.call(app, &said, is_room) {
            Ok(call) => call,
            Err(error) => return Some(Reply::Now(said.refused(&error))),
        };
        let mut work = Box::pin(async move {
            match drone_command::obey(call).await {
                Ok(result) => said.done(result),
                Err(error) => said.refused(&error),
            }
        });
        // Begun here: the first look hands it to the drone, before the next message is read.
        if let Some(answer) = (&mut work).now_or_never() {
            return Some(Reply::Now(answer));
        }
        // A task of its own: a client that hangs up right after has said it all the same.
        let work = tokio::spawn(work);
        let answer = async move {
            let failed = |_| refusal("COMMAND_ERROR", "The gateway failed; see its log");
            work.await.unwrap_or_else(failed)
        };
        Some(Reply::Later(None, Box::pin(answer)))
    }

    /// The call that the route would get.
    ///
    /// # Errors
    /// As the gate refuses it.
    fn call(&self, app: &Arc<App>, said: &Said, is_room: bool) -> Result<Call, ApiError> {
        let config = app.config.load_full();
        let goes_down = brings_down(&said.command);
        let policy = if goes_down { RESPOND } else { WRITE };
        if let Some(needed) = policy.needs(config.access.profile)
            && !self.session.as_ref().is_some_and(|own| own.may(needed))
        {
            return Err(Denial::Lacks(needed).into());
        }
        if !goes_down {
            self.within_rates(app)?;
            if !is_room {
                let many = "Too many commands under way on this socket; wait for their answers";
                return Err(ApiError::unavailable(many));
            }
        }
        let mut head = self.head.clone();
        if said.wait {
            head.uri = http::Uri::from_static("/?wait=true");
        }
        let body = json!({"command": said.command, "params": said.params});
        let body = body.as_object().cloned().unwrap_or_default();
        let [route] = drone_command::ROUTES else {
            return Err(ApiError::internal());
        };
        Ok(Call {
            app: Arc::clone(app),
            config,
            template: route.path,
            params: route.params,
            session: self.session.clone(),
            client: self.client,
            param: said.drone_id.clone(),
            inputs: Inputs::of(body, &head.uri),
            parts: head,
        })
    }

    /// A command counts as a request does.
    fn within_rates(&self, app: &App) -> Result<(), ApiError> {
        let now = Mono::now();
        let of_client = app.access.rate_check(RateClass::Other, self.client, now);
        let of_key = |own| app.access.rate_check_session(own, now);
        let verdicts = [Some(of_client), self.session.as_ref().map(of_key)];
        match verdicts.into_iter().flatten().find(|one| !one.allowed) {
            Some(over) => Err(ApiError::rate_limited(over.limit, over.reset_s)),
            None => Ok(()),
        }
    }
}

impl Said {
    /// Reads a message; what is wrong with it as an answer. Strict: what is passed over here
    /// is flown without it.
    fn read(message: &Map<String, Value>) -> Result<Said, String> {
        let wrong = |why: &str| refusal("COMMAND_ERROR", why);
        let text = |name: &str| message.get(name).and_then(Value::as_str);
        let Some(drone_id) = text("drone_id").filter(|id| !id.is_empty()) else {
            return Err(refusal("MISSING_DRONE_ID", "drone_id is required"));
        };
        let is_known =
            |key: &str| OF_ALL.contains(&key) || MEMBERS.iter().any(|one| one.name == key);
        if let Some(key) = message.keys().find(|key| !is_known(key)) {
            let names: Vec<&str> = MEMBERS.iter().map(|one| one.name).collect();
            let why = format!("a command takes no {key:?}; it takes {}", names.join(", "));
            return Err(wrong(&why));
        }
        let is_short = |id: &&Value| {
            let id = id.as_str().unwrap_or_default();
            (1..=MAX_REFERENCE_BYTES).contains(&id.len())
        };
        let request_id = message.get("request_id").filter(|id| !id.is_null());
        if request_id.is_some() && !request_id.as_ref().is_some_and(is_short) {
            return Err(wrong("request_id must be a text of 1 to 64 bytes"));
        }
        let wait = match message.get("wait") {
            None | Some(Value::Null) => false,
            Some(Value::Bool(wait)) => *wait,
            Some(_) => return Err(wrong("wait must be true or false")),
        };
        Ok(Said {
            drone_id: drone_id.to_owned(),
            request_id: request_id.and_then(Value::as_str).map(str::to_owned),
            command: text("command").unwrap_or_default().to_owned(),
            wait,
            params: message.get("params").cloned().unwrap_or_default(),
        })
    }

    fn done(&self, result: CommandResult) -> String {
        let (drone_id, request_id) = (&self.drone_id, self.request_id.as_deref());
        say(
            RESULT,
            Obeyed {
                drone_id,
                request_id,
                result,
            },
        )
    }

    fn refused(&self, error: &ApiError) -> String {
        say(
            REFUSED,
            NotObeyed {
                drone_id: &self.drone_id,
                request_id: self.request_id.as_deref(),
                error_code: error.code(),
                message: error.message(),
                details: error.context(),
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(message: Value) -> Result<Said, Value> {
        let message = message.as_object().expect("an object");
        Said::read(message).map_err(|said| serde_json::from_str(&said).expect("JSON"))
    }

    #[test]
    fn a_message_is_read_whole_or_not_at_all() {
        let said = read(json!({
            "type": "command", "drone_id": "d1", "command": "go", "wait": true, "request_id": "a7",
            "params": {"x": 1, "y": 0, "z": 0, "speed": 0.5}, "timestamp": "now",
        }));
        let said = said.expect("good");
        assert!(said.wait && said.request_id.as_deref() == Some("a7"));
        assert_eq!(
            (said.command.as_str(), &said.params["x"]),
            ("go", &json!(1))
        );
        for (name, value, why) in [
            ("drone_id", json!(""), "drone_id"),
            ("wait", json!("yes"), "true or false"),
            ("request_id", json!(7), "request_id"),
            ("request_id", json!("x".repeat(65)), "request_id"),
            // Those of the route in centimetres, or of the route of its own name.
            ("parameters", json!({"x": 100}), "parameters"),
            ("x", json!(100), "\"x\""),
        ] {
            let mut message = json!({"type": "command", "drone_id": "d1", "command": "go"});
            message[name] = value.clone();
            let refused = read(message).expect_err("refused");
            let said = refused["message"].as_str().unwrap_or_default();
            assert!(said.contains(why), "{name} {value}: {refused}");
        }
    }
}
