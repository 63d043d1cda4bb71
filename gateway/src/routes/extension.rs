//! `POST /api/drones/{drone_id}/ext`: text for the controller on a TT's back, and its answer.
//!
//! The controller's firmware is the owner's to change, so its words are passed on and not
//! judged. The answer is waited for: it comes at once, and is what was asked for.

use futures_util::future::BoxFuture;
use readings::command::CommandId;
use serde::Serialize;
use tello::command::{Command, Extension, MAX_EXTENSION_BYTES};
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
use crate::routes::flight::invalid;

/// The routes of this file.
pub(crate) const ROUTES: &[Route] = &[later(
    Verb::Post,
    "/api/drones/{drone_id}/ext",
    WRITE,
    ext,
    Gives::Json(of::<Extended>()),
)
.about(
    "drones",
    "Pass text on to the controller on a TT's back: lamp, matrix of lamps, distance sensor",
)
.takes(&[ID, TEXT])];

const TEXT: Param = Param::required(
    Location::Body,
    "text",
    Kind::Text,
    "What stands behind `EXT`, such as `led 0 255 0` or `mled s r A`: one line of ASCII",
);

/// Answer of `/ext`.
#[derive(Serialize, ToSchema)]
pub(crate) struct Extended {
    /// Always true; a refusal is an error.
    success: bool,
    /// What came of it, in words.
    message: String,
    /// When that was said.
    timestamp: Ts,
    /// Id of the command: `/api/commands/{command_id}` says what comes of it.
    #[schema(value_type = String)]
    command_id: CommandId,
    /// What the controller answered, such as `led ok`, `matrix ok` or `tof 8192`.
    answer: Option<String>,
}

/// `POST /api/drones/{drone_id}/ext`
fn ext(mut call: Call) -> BoxFuture<'static, Answer> {
    Box::pin(async move {
        path_id("drone_id", &call.param)?;
        let text = call.inputs.text(&TEXT).unwrap_or_default();
        call.inputs.finish()?;
        drone(&call)?;
        let given = fly(&call, extended(&text)?, true).await?;
        Ok(respond::json(&Extended {
            success: true,
            message: given.message,
            timestamp: Ts::now(),
            command_id: given.id,
            answer: given.answer,
        }))
    })
}

/// The command of that text.
///
/// # Errors
/// 400, with what it must be.
pub(crate) fn extended(text: &str) -> Result<Command, ApiError> {
    let extension = Extension::new(text).ok_or_else(|| {
        invalid(&format!(
            "text must be one line of 1 to {MAX_EXTENSION_BYTES} characters of plain ASCII"
        ))
    })?;
    Ok(Command::Extension(extension))
}
