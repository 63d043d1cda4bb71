//! Every route of the gateway, a row each: method, path, who may call it, how often,
//! what it takes, what it answers.
//!
//! The only room that knows all handlers. A file a part of the contract.

mod administration;
mod drones;
mod figures;
mod live;
mod passed_on;

use std::sync::LazyLock;

use axum::body::Body;
use futures_util::future::BoxFuture;

use crate::http::call::Call;
use crate::http::envelope::Outcome;
use crate::http::params::Param;
use crate::http::respond::SuccessResponse;
use crate::http::route::{Gives, Policy, Route, Run, Verb, of};
use crate::http::table::Table;
use crate::routes::upstream;
use access::Permission;

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    Table::new(&[
        figures::ROUTES,
        administration::ROUTES,
        drones::ROUTES,
        passed_on::ROUTES,
        live::ROUTES,
    ])
});

/// The table.
#[must_use]
pub fn table() -> &'static Table {
    &TABLE
}

/// The OpenAPI document as the table gives it, in readable JSON.
#[must_use]
pub fn describe() -> String {
    crate::http::openapi::describe(table())
}

const ADMIN: Policy = Policy::Needs(Permission::Admin);
const DASHBOARD: Policy = Policy::Needs(Permission::Dashboard);
const READ: Policy = Policy::Strict(Permission::Read);
const WRITE: Policy = Policy::Strict(Permission::Write);
const RESPOND: Policy = Policy::Strict(Permission::Respond);
const SUCCESS: Gives = Gives::Json(of::<SuccessResponse>);
const HTML: Gives = Gives::Media(&["text/html"]);

const fn now(
    verb: Verb,
    path: &'static str,
    policy: Policy,
    handler: fn(&mut Call) -> Outcome,
) -> Route {
    Route::new(verb, path, policy, Run::Now(handler), SUCCESS)
}

const fn later(
    verb: Verb,
    path: &'static str,
    policy: Policy,
    handler: fn(Call) -> BoxFuture<'static, Outcome>,
    gives: Gives,
) -> Route {
    Route::new(verb, path, policy, Run::Later(handler), gives)
}

/// A route of the upstream's; what it takes is checked here.
const fn passed_on(verb: Verb, path: &'static str, params: &'static [Param]) -> Route {
    let policy = if matches!(verb, Verb::Get) {
        READ
    } else {
        WRITE
    };
    Route::new(
        verb,
        path,
        policy,
        Run::Later(upstream::forward),
        Gives::Forwarded,
    )
    .takes(params)
}

/// The same for bodies that are passed on as they come.
const fn streamed_on(
    path: &'static str,
    params: &'static [Param],
    handler: fn(Call, Body) -> BoxFuture<'static, Outcome>,
) -> Route {
    Route::new(
        Verb::Post,
        path,
        WRITE,
        Run::Stream(handler),
        Gives::Forwarded,
    )
    .takes(params)
}

const fn get(
    path: &'static str,
    policy: Policy,
    handler: fn(&mut Call) -> Outcome,
    gives: Gives,
) -> Route {
    Route::new(Verb::Get, path, policy, Run::Now(handler), gives)
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
