//! `/api/system/logs`: the newest log lines, for an administrator without a shell.

use serde::Serialize;
use tracing::Level;
use utoipa::ToSchema;

use crate::http::call::Call;
use crate::http::envelope::Outcome;
use crate::http::params::{Kind, Location, Param};
use crate::http::respond;
use crate::http::route::{Gives, Route};
use crate::http::rows::{ADMIN, get};
use crate::http::scalars::Ts;
use crate::http::shape::of;
use crate::logging::{Line, recent};
use crate::routes::flight::choice;

/// The routes of this file.
pub(crate) const ROUTES: &[Route] = &[get(
    "/api/system/logs",
    ADMIN,
    logs,
    Gives::Json(of::<LogLines>()),
)
.about(
    "system",
    "List the newest log lines, as far as memory holds them",
)
.takes(TAKES)];

const LEVEL: Param = Param::optional(
    Location::Query,
    "level",
    Kind::Choice(&["error", "warn", "info", "debug"]),
    "Lines at least as serious as this; `info` by default",
);
const LIMIT: Param = Param::optional(
    Location::Query,
    "limit",
    Kind::Int {
        min: 1,
        max: 300,
        default: Some(100),
    },
    "Most lines",
);
const TAKES: &[Param] = &[LEVEL, LIMIT];

/// The newest log lines.
#[derive(Serialize, ToSchema)]
struct LogLines {
    /// Newest first.
    lines: Vec<LogLine>,
}

/// One log line.
#[derive(Serialize, ToSchema)]
struct LogLine {
    /// When, by the wall clock.
    at: Ts,
    /// `error`, `warn`, `info`, `debug` or `trace`.
    level: &'static str,
    /// Part of the program, or `security`, `performance`.
    target: &'static str,
    /// Message and fields; cut after 500 bytes.
    text: String,
}

impl From<Line> for LogLine {
    fn from(line: Line) -> LogLine {
        LogLine {
            at: Ts(line.at),
            level: word(line.level),
            target: line.target,
            text: line.text,
        }
    }
}

const fn word(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

/// `GET /api/system/logs`
fn logs(call: &mut Call) -> Outcome {
    let level = match choice(call, &LEVEL)?.as_str() {
        "error" => Level::ERROR,
        "warn" => Level::WARN,
        "debug" => Level::DEBUG,
        _ => Level::INFO,
    };
    let most = call.inputs.int(&LIMIT).unwrap_or(100);
    call.inputs.finish()?;
    let lines = recent(level, usize::try_from(most).unwrap_or(1));
    let lines = lines.into_iter().map(LogLine::from).collect();
    Ok(respond::json(&LogLines { lines }))
}
