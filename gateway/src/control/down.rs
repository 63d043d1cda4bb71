//! Every drone down, over the control socket.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use futures_util::future::BoxFuture;

use super::{Control, Refusal};

/// Tells every drone `land`, `stop` or `emergency`; the results as JSON. None for another
/// word.
pub(crate) type DownAll = Box<dyn Fn(&str) -> Option<BoxFuture<'static, String>> + Send + Sync>;

/// Tells all of them.
pub(super) async fn all(
    State(control): State<Arc<Control>>,
    Path(command): Path<String>,
) -> Result<String, Refusal> {
    match (control.down_all)(&command) {
        Some(told) => Ok(told.await),
        None => Err((
            StatusCode::NOT_FOUND,
            format!("{command:?} is not land, stop or emergency"),
        )),
    }
}
