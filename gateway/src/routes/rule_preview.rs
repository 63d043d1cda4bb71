//! `POST /api/alerts/rules/preview`: how often a rule would have fired in the last 24
//! hours, before anybody saves it. Permission `admin`, as for making one.
//!
//! The last ten minutes are judged by the second; before that only the least and the
//! greatest value of each minute are kept, so the answer may be two bounds. Nothing is
//! changed, and no alert raised.

use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::call::Call;
use crate::http::envelope::{ApiError, Outcome};
use crate::http::params::Param;
use crate::http::respond;
use crate::http::route::{Gives, Route, Verb};
use crate::http::rows::{ADMIN, later};
use crate::http::shape::of;
use crate::http::state::App;
use crate::routes::rules;
use alerting::{Firings, Preview, Step};
use readings::SourceId;
use readings::clock::Mono;
use readings::telemetry::{MINUTES_KEPT, Point, SECONDS_KEPT};

/// The routes of this file.
pub(crate) const ROUTES: &[Route] = &[later(
    Verb::Post,
    "/api/alerts/rules/preview",
    ADMIN,
    preview,
    Gives::Json(of::<RulePreview>()),
)
.about(
    "alerts",
    "Count how often a rule would have fired in the last 24 hours",
)
.takes(PREVIEW)];

/// Parameters: those of a rule; its name is not looked at.
pub(crate) const PREVIEW: &[Param] = rules::BODY;

/// How often a rule would have fired.
#[derive(Serialize, ToSchema)]
pub(crate) struct RulePreview {
    /// So often; none where that is not certain.
    fired: Option<u32>,
    /// Certainly so often. A rule is counted once a minute at most.
    at_least: u32,
    /// Possibly so often: what happened inside a minute is not kept for longer than
    /// ten minutes.
    at_most: u32,
    /// Seconds that were looked at, up to now.
    window_s: u64,
    /// Seconds of them, up to now, that are known by the second.
    fine_s: u64,
    /// Every source that the rule covers and that reported the metric.
    sources: Vec<SourcePreview>,
}

/// The same of one source.
#[derive(Serialize, ToSchema)]
pub(crate) struct SourcePreview {
    /// Name of the source.
    source: String,
    /// Times it fired; null where minutes hide it.
    fired: Option<u32>,
    /// Times it fired for certain.
    at_least: u32,
    /// Times it can have fired; minutes hide what happened within them.
    at_most: u32,
    /// Seconds of the window from which there are readings.
    recorded_s: u64,
}

/// `POST /api/alerts/rules/preview`
pub(crate) fn preview(call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let mut call = call;
        let rule = rules::read(&mut call.inputs, "preview".to_owned())?;
        let preview = Preview::of(rule);
        let app = call.app;
        // A day of many drones takes a while: one at a time, and not on a thread that
        // others wait for.
        let turn = app.clone();
        let _turn = turn.edge.preview_turn.lock().await;
        let judged = tokio::task::spawn_blocking(move || judge(&app, &preview)).await;
        let judged = judged.map_err(|_| ApiError::internal())?;
        Ok(respond::json(&judged))
    })
}

fn judge(app: &App, preview: &Preview) -> RulePreview {
    let mut total = Firings::default();
    let mut sources = Vec::new();
    let covered = app.sources.iter();
    for source in covered.filter(|source| preview.covers(&source.name)) {
        let steps = steps(app, source.id, preview);
        if steps.is_empty() {
            continue;
        }
        let fired = preview.judge(&steps);
        total.at_least += fired.at_least;
        total.at_most += fired.at_most;
        let recorded: Duration = steps.iter().map(|step| step.length).sum();
        sources.push(SourcePreview {
            source: source.name.to_string(),
            fired: exact(fired),
            at_least: fired.at_least,
            at_most: fired.at_most,
            recorded_s: recorded.as_secs(),
        });
    }
    RulePreview {
        fired: exact(total),
        at_least: total.at_least,
        at_most: total.at_most,
        window_s: 60 * MINUTES_KEPT as u64,
        fine_s: SECONDS_KEPT as u64,
        sources,
    }
}

fn exact(fired: Firings) -> Option<u32> {
    (fired.at_least == fired.at_most).then_some(fired.at_least)
}

/// What is kept of a source: minutes, and seconds from the first whole minute on of
/// which all are there.
fn steps(app: &App, source: SourceId, preview: &Preview) -> Vec<Step> {
    let metric = preview.metric();
    let minutes = app.telemetry.minutes(source, metric, MINUTES_KEPT);
    let seconds = app.telemetry.seconds(source, metric, SECONDS_KEPT);
    joined(&minutes, &seconds)
}

fn joined(minutes: &[Point], seconds: &[Point]) -> Vec<Step> {
    let fine_from = seconds
        .first()
        .map_or(f64::INFINITY, |first| (first.epoch_s / 60.0).ceil() * 60.0);
    let coarse = minutes.iter().filter(|minute| minute.epoch_s < fine_from);
    let fine = seconds.iter().filter(|second| second.epoch_s >= fine_from);
    let both = coarse.map(|one| (one, 60)).chain(fine.map(|one| (one, 1)));
    let mut first = None;
    both.map(|(point, length_s)| {
        let begin = *first.get_or_insert(point.epoch_s);
        Step {
            start: Mono::from_millis(((point.epoch_s - begin) * 1000.0) as u64),
            length: Duration::from_secs(length_s),
            min: f64::from(point.min),
            max: f64::from(point.max),
        }
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(epoch_s: u32, value: f32) -> Point {
        Point {
            epoch_s: f64::from(epoch_s),
            min: value,
            mean: value,
            max: value,
        }
    }

    #[test]
    fn no_moment_is_judged_twice() {
        let minutes: Vec<Point> = (0..4).map(|n| point(60 * n, 1.0)).collect();
        let seconds: Vec<Point> = (90..200).map(|n| point(n, 2.0)).collect();
        let steps = joined(&minutes, &seconds);
        assert_eq!(
            steps.len(),
            2 + 80,
            "two minutes, then from 120 s on by the second"
        );
        for pair in steps.windows(2) {
            assert_eq!(pair[0].start.plus(pair[0].length), pair[1].start);
        }
        assert_eq!(joined(&minutes, &[]).len(), 4);
        assert_eq!(joined(&[], &[]).len(), 0);
    }
}
