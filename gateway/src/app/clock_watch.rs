//! The wall clock, watched: who says what time it is, and what follows when it is put right.
//!
//! A board without a clock battery wakes in 1970 or where it was switched off, and learns
//! the time later. What was stamped by then, and terms that began by then, move along at
//! the first such step; no later one moves a term. (Certificates watch for themselves.)
//! Must never set a clock.

use std::sync::Arc;
use std::time::Duration;

use access::Access;
use alerting::Alerts;
use readings::clock::{self, Mono, Steps, term_now, wall_now};
use readings::{Metric, SourceId, telemetry::Telemetry};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// Between two looks.
const EVERY: Duration = Duration::from_secs(1);

/// What follows the clock, and what says that it is right.
#[derive(Clone)]
pub(super) struct ClockWatch {
    pub(super) alerts: Alerts,
    pub(super) access: Arc<Access>,
    pub(super) telemetry: Arc<Telemetry>,
    /// The source that says whether the board's clock follows a time server.
    pub(super) board: SourceId,
}

/// Looks until `stop`.
pub(super) async fn watch(rooms: ClockWatch, stop: CancellationToken) {
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut stamps = Steps::new(Mono::now(), wall_now());
    let mut terms = Steps::new(Mono::now(), term_now());
    let mut anchored = clock::is_confirmed();
    while tokio::select! { _ = ticks.tick() => true, () = stop.cancelled() => false } {
        if let Some(by) = stamps.stepped(Mono::now(), wall_now()) {
            tracing::warn!(seconds = by.as_secs(), "the wall clock was put right");
            rooms.alerts.restamp(by);
        }
        if follows_a_server(&rooms.telemetry, rooms.board) {
            clock::confirm();
        }
        let later = terms.stepped(Mono::now(), term_now());
        if anchored || (later.is_none() && !clock::is_confirmed()) {
            continue;
        }
        anchored = true;
        let by_us = later.map_or(0, |by| by.as_micros() as i64);
        if let Err(error) = rooms.access.anchor_terms(by_us).await {
            tracing::error!(%error, "keys made before the clock was set end too early after a restart");
        }
    }
}

/// Whether the board says that its clock follows a time server.
fn follows_a_server(telemetry: &Telemetry, board: SourceId) -> bool {
    let said = telemetry.latest(board, Metric::ClockSynchronised);
    said.is_some_and(|said| said.value > 0.0)
}
