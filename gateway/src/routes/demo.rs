//! `/api/demo`: what can be made to happen, in the demo. Nowhere else does it exist.

use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

use crate::demo::{Happening, Stage};
use crate::http::call::Call;
use crate::http::envelope::{ApiError, Outcome};
use crate::http::params::{Kind, Location, Param};
use crate::http::respond::{self, SuccessResponse};
use crate::http::route::{Gives, Route, Verb};
use crate::http::rows::{READ, WRITE, get, now};
use crate::http::shape::of;
use crate::routes::flight::choice;

/// The routes of this file.
pub(crate) const ROUTES: &[Route] = &[
    get("/api/demo", READ, list, Gives::Json(of::<DemoView>()))
        .about("demo", "List what can be made to happen")
        .also(&["404"]),
    now(Verb::Post, "/api/demo/happening", WRITE, happen)
        .about("demo", "Make something happen")
        .takes(HAPPEN)
        .also(&["404"]),
];

const WHAT: Param = Param::required(
    Location::QueryOrBody,
    "what",
    Kind::Choice(Happening::NAMES),
    "`battery`: the first drone's is nearly empty; `silence`: it says nothing for 12 s; `restart`: it switches itself \
     off and on; `calm`: all is as at the start",
);
/// Parameters of `POST /api/demo/happening`.
pub(crate) const HAPPEN: &[Param] = &[WHAT];

/// What can be made to happen in this demo.
#[derive(Serialize, ToSchema)]
#[schema(as = Demo)]
pub(crate) struct DemoView {
    /// Values of `what`.
    happenings: &'static [&'static str],
}

/// `GET /api/demo`
pub(crate) fn list(call: &mut Call) -> Outcome {
    stage(call)?;
    Ok(respond::json(&DemoView {
        happenings: Happening::NAMES,
    }))
}

/// `POST /api/demo/happening`
pub(crate) fn happen(call: &mut Call) -> Outcome {
    let stage = stage(call)?;
    let what = choice(call, &WHAT)?;
    call.inputs.finish()?;
    // (`choice` lets no other name through.)
    let happening = Happening::named(&what).ok_or_else(ApiError::internal)?;
    stage.make(happening);
    Ok(respond::json(&SuccessResponse::new("It happens")))
}

fn stage(call: &Call) -> Result<Arc<Stage>, ApiError> {
    let stage = call.app.stage.clone();
    stage.ok_or_else(|| ApiError::not_found("This gateway is no demo"))
}
