//! `POST /api/drones/{drone_id}/ext`: text for the controller on a TT's back, and its answer.
//!
//! The controller's firmware is the owner's to change, so its words are passed on and not
//! judged.

use futures_util::future::BoxFuture;
use tello::command::{Command, Extension, MAX_EXTENSION_BYTES};

use crate::http::call::Call;
use crate::http::envelope::{ApiError, Outcome as Answer};
use crate::http::inputs::path_id;
use crate::http::params::{Kind, Location, Param};
use crate::http::route::{Gives, Route, Verb};
use crate::http::rows::{WRITE, later};
use crate::http::shape::of;
use crate::routes::ask::{Answered, answer_to};
use crate::routes::drone_call::ID;
use crate::routes::flight::invalid;

/// The routes of this file.
pub(crate) const ROUTES: &[Route] = &[later(
    Verb::Post,
    "/api/drones/{drone_id}/ext",
    WRITE,
    ext,
    Gives::Json(of::<Answered>()),
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

/// `POST /api/drones/{drone_id}/ext`
fn ext(mut call: Call) -> BoxFuture<'static, Answer> {
    Box::pin(async move {
        path_id("drone_id", &call.param)?;
        let text = call.inputs.text(&TEXT).unwrap_or_default();
        call.inputs.finish()?;
        answer_to(&call, extended(&text)).await
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
