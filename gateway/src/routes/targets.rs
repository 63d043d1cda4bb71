//! Where notifications go: listed, and tried out. Permission `admin`.
//!
//! A target's secret and the path of its address (which often is one) are not shown.

use futures_util::future::BoxFuture;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::call::Call;
use crate::http::envelope::{ApiError, Outcome};
use crate::http::params::{Kind, Location, Param};
use crate::http::respond;
use crate::http::route::{Gives, Route, Verb};
use crate::http::rows::{ADMIN, get, later};
use crate::http::shape::of;
use crate::notify::{self, ChannelStats, TestError};
use readings::Level;

/// The routes of this file.
pub(crate) const ROUTES: &[Route] = &[
    get(
        "/api/notify/targets",
        ADMIN,
        list,
        Gives::Json(of::<Targets>()),
    )
    .about(
        "notify",
        "List where notifications go, and how that went so far",
    ),
    later(
        Verb::Post,
        "/api/notify/test",
        ADMIN,
        test,
        Gives::Json(of::<TestOutcome>()),
    )
    .about("notify", "Send a test to a target, and say what came of it")
    .takes(TEST)
    .also(&["404"]),
];

const NAME: Param = Param::required(
    Location::Body,
    "target",
    Kind::Text,
    "Name of the target, from the listing",
);

/// Parameters of `POST /api/notify/test`.
pub(crate) const TEST: &[Param] = &[NAME];

/// A target.
#[derive(Serialize, ToSchema)]
#[schema(as = NotifyTarget)]
pub(crate) struct Target {
    /// Its name in the configuration.
    name: String,
    /// Such as `webhook`.
    kind: &'static str,
    /// Scheme, host and port; null where it stands in a file.
    address: Option<String>,
    /// Least level that is sent.
    min_level: &'static str,
    /// Notifications that arrived, since the start.
    sent: u64,
    /// Attempts that failed, since the start.
    failed: u64,
    /// Notifications given up because they were refused again and again.
    refused: u64,
    /// Why the last attempt failed, if it did.
    problem: Option<String>,
}

/// Every target.
#[derive(Serialize, ToSchema)]
#[schema(as = NotifyTargets)]
pub(crate) struct Targets {
    /// As configured.
    targets: Vec<Target>,
    /// How many there are.
    total_count: usize,
}

/// What came of a test.
#[derive(Serialize, ToSchema)]
#[schema(as = NotifyTest)]
pub(crate) struct TestOutcome {
    /// Name of the target that was tried.
    target: String,
    /// Whether it arrived.
    delivered: bool,
    /// Why it did not, and what to look at.
    reason: Option<String>,
}

/// `GET /api/notify/targets`
pub(crate) fn list(call: &mut Call) -> Outcome {
    let shown = |channel: ChannelStats| Target {
        address: notify::address_of(&call.config, &channel.name),
        name: channel.name,
        kind: channel.kind,
        min_level: channel.min_level.unwrap_or(Level::Info).name(),
        sent: channel.sent,
        failed: channel.failed,
        refused: channel.refused,
        problem: channel.problem,
    };
    let targets: Vec<Target> = call.app.notifier.stats().into_iter().map(shown).collect();
    Ok(respond::json(&Targets {
        total_count: targets.len(),
        targets,
    }))
}

/// `POST /api/notify/test`
pub(crate) fn test(call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let mut call = call;
        let target = call.inputs.text(&NAME);
        call.inputs.finish()?;
        let target = target.unwrap_or_default();
        let reason = match notify::send_test(&call.config, &target).await {
            Ok(()) => {
                // What waits need not wait for the end of its pause.
                call.app.notifier.wake();
                None
            }
            Err(TestError::Unknown(..)) => return Err(ApiError::not_found("No such target")),
            Err(error) => Some(error.to_string()),
        };
        Ok(respond::json(&TestOutcome {
            target,
            delivered: reason.is_none(),
            reason,
        }))
    })
}
