//! The router of a table: every path leads to the gate, with what is known of it.

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::routing::any;

use crate::http::gate;
use crate::http::state::App;
use crate::http::table::{Endpoint, Table};

/// The whole API of `table` as a router.
pub(crate) fn router(table: &'static Table, app: &Arc<App>) -> Router {
    let handler = |endpoint: Option<&'static Endpoint>| {
        let app = Arc::clone(app);
        move |request: Request| gate::serve(Arc::clone(&app), table, endpoint, request)
    };
    let mut router = Router::new();
    for endpoint in table.endpoints() {
        router = router.route(endpoint.path, any(handler(Some(endpoint))));
    }
    router.fallback(handler(None))
}
