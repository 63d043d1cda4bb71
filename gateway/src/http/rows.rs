//! Short forms for the rows of the table: who may call, how a handler is run.

use futures_util::future::BoxFuture;

use crate::http::call::Call;
use crate::http::envelope::Outcome;
use crate::http::respond::SuccessResponse;
use crate::http::route::{Gives, Policy, Route, Run, Verb};
use crate::http::shape::of;
use access::Permission;

pub(crate) const ADMIN: Policy = Policy::Needs(Permission::Admin);
pub(crate) const DASHBOARD: Policy = Policy::Needs(Permission::Dashboard);
pub(crate) const READ: Policy = Policy::Strict(Permission::Read);
pub(crate) const WRITE: Policy = Policy::Strict(Permission::Write);
pub(crate) const RESPOND: Policy = Policy::Strict(Permission::Respond);
pub(crate) const SUCCESS: Gives = Gives::Json(of::<SuccessResponse>());
pub(crate) const HTML: Gives = Gives::Media(&["text/html"]);

pub(crate) const fn now(
    verb: Verb,
    path: &'static str,
    policy: Policy,
    handler: fn(&mut Call) -> Outcome,
) -> Route {
    Route::new(verb, path, policy, Run::Now(handler), SUCCESS)
}

pub(crate) const fn later(
    verb: Verb,
    path: &'static str,
    policy: Policy,
    handler: fn(Call) -> BoxFuture<'static, Outcome>,
    gives: Gives,
) -> Route {
    Route::new(verb, path, policy, Run::Later(handler), gives)
}

pub(crate) const fn get(
    path: &'static str,
    policy: Policy,
    handler: fn(&mut Call) -> Outcome,
    gives: Gives,
) -> Route {
    Route::new(Verb::Get, path, policy, Run::Now(handler), gives)
}
