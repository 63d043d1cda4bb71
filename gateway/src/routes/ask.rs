//! `POST /api/drones/{drone_id}/ask`: one question of the SDK, and the drone's answer in its
//! own words, units and all.
//!
//! Most of it is in the status already, ten times a second; what is not (how well the drone
//! hears its network, which one it joined, which firmware its radio has) is asked here. A
//! POST and no GET: it is a command, waits its turn, and counts as one.

use futures_util::future::BoxFuture;
use readings::command::CommandId;
use serde::Serialize;
use tello::command::{Command, Query};
use utoipa::ToSchema;

use crate::http::call::Call;
use crate::http::envelope::{ApiError, Outcome as Answer};
use crate::http::inputs::path_id;
use crate::http::params::{Kind, Location, Param};
use crate::http::respond;
use crate::http::route::{Gives, Route, Verb};
use crate::http::rows::{WRITE, later};
use crate::http::scalars::Ts;
use crate::http::shape::of;
use crate::routes::drone_call::{ID, drone, fly};
use crate::routes::flight::{choice, invalid};

/// What can be asked: the SDK's words without their question mark.
const WHATS: [&str; Query::ALL.len()] = {
    let mut names = [""; Query::ALL.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = Query::ALL[at].name();
        at += 1;
    }
    names
};

const WHAT: Param = Param::required(
    Location::Body,
    "what",
    Kind::Choice(&WHATS),
    "The SDK's word without its question mark; `sdk` and `sn` are of SDK 2.0, `hardware`, `wifiversion`, \
     `ap` and `ssid` of SDK 3.0",
);

/// The routes of this file.
pub(crate) const ROUTES: &[Route] = &[later(
    Verb::Post,
    "/api/drones/{drone_id}/ask",
    WRITE,
    ask,
    Gives::Json(of::<Answered>()),
)
.about(
    "drones",
    "Ask the drone one question of the SDK; it answers in its own words",
)
.takes(&[ID, WHAT])];

/// Answer of `/ask` and `/ext`.
#[derive(Serialize, ToSchema)]
pub(crate) struct Answered {
    /// Always true; a refusal is an error.
    success: bool,
    /// What came of it, in words.
    message: String,
    /// When that was said.
    timestamp: Ts,
    /// Id of the command: `/api/commands/{command_id}` says what comes of it.
    #[schema(value_type = String)]
    command_id: CommandId,
    /// What was answered: by the drone with its units, such as `87`, `65~66C` or `100mm`; by
    /// the controller on a TT's back `led ok`, `matrix ok` or `tof 8192`.
    answer: Option<String>,
}

/// `POST /api/drones/{drone_id}/ask`
fn ask(mut call: Call) -> BoxFuture<'static, Answer> {
    Box::pin(async move {
        path_id("drone_id", &call.param)?;
        let what = choice(&mut call, &WHAT)?;
        call.inputs.finish()?;
        answer_to(&call, asked(&what)).await
    })
}

/// What the drone of `call` answers to that command, which is waited for: it comes at once,
/// and is what was asked for.
pub(super) async fn answer_to(call: &Call, command: Result<Command, ApiError>) -> Answer {
    drone(call)?;
    let given = fly(call, command?, true).await?;
    Ok(respond::json(&Answered {
        success: true,
        message: given.message,
        timestamp: Ts::now(),
        command_id: given.id,
        answer: given.answer,
    }))
}

/// The question of that name, with its question mark or without.
///
/// # Errors
/// 400, with what can be asked.
pub(crate) fn asked(what: &str) -> Result<Command, ApiError> {
    let query = Query::of_name(what)
        .ok_or_else(|| invalid(&format!("what must be one of {}", WHATS.join(", "))))?;
    Ok(Command::Read(query))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_question_of_the_sdk_can_be_asked() {
        assert_eq!(WHATS.len(), 16);
        for (what, query) in WHATS.iter().zip(Query::ALL) {
            assert!(!what.is_empty() && !what.contains('?'), "{what}");
            for name in [(*what).to_owned(), format!("{what}?")] {
                let found = asked(&name).map(|command| command.to_string());
                assert_eq!(found.ok().as_deref(), Some(query.word()), "{name}");
            }
        }
        let error = asked("weather").expect_err("nothing of the SDK");
        assert!(
            error.message().contains("wifiversion"),
            "{}",
            error.message()
        );
    }
}
