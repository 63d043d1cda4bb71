//! The committer's task: waits, plans, commits, settles.
//!
//! The only place of this room that talks to the store and reads the clocks of
//! its own accord. Ends when it is told to, or when the last handle is gone;
//! either way what waits is committed first.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};

use super::book::Moment;
use super::command::Command;
use super::committer::Committer;
use super::error::JournalError;
use super::journal::{Change, Journal};

/// Commands that may wait: more are refused as busy, so that a stuck medium
/// cannot pile up requests.
pub(super) const COMMANDS_WAITING: usize = 64;
/// How long a commit may take before its alerts are shown without it. An SD
/// card may stall for seconds; a person must not wait for it to hear that a
/// battery is empty.
const COMMIT_PATIENCE: Duration = Duration::from_secs(5);
/// First and longest pause between attempts to write again.
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_LONGEST: Duration = Duration::from_secs(60);

/// Runs the committer to its end.
pub(super) async fn run<J: Journal>(
    mut committer: Committer,
    journal: J,
    mut commands: mpsc::Receiver<Command>,
) {
    let mut retry = Retry {
        pause: RETRY_FIRST,
        at: Instant::now(),
    };
    let mut running = true;
    while running {
        let service = committer.service().clone();
        let first = tokio::select! {
            command = commands.recv() => { running = command.is_some(); command }
            () = service.wake.notified() => None,
            () = sleep_until(retry.at), if committer.is_unsettled() => None,
        };
        let mut stop = None;
        let batch = collect(first, &mut commands, &mut stop);
        let rewrite = committer.is_unsettled() && (retry.at <= Instant::now() || stop.is_some());
        let mut plan = committer.plan(batch, rewrite, Moment::now());
        let changes = std::mem::take(&mut plan.changes);
        let outcome = if changes.is_empty() {
            Ok(())
        } else {
            let outcome = commit(&journal, changes).await;
            retry.note(&outcome);
            outcome
        };
        committer.settle(plan, outcome);
        let deletions = committer.trim(Moment::now());
        if !deletions.is_empty() {
            journal.defer(deletions);
        }
        if let Some(done) = stop {
            running = false;
            // Later commands find the door closed, waiting ones are dropped:
            // both are told that the gateway is stopping.
            commands.close();
            let _ = done.send(());
        }
    }
}

/// The commands of one commit, beginning with `next`. Ends after one that
/// changes a rule, and before a stop.
fn collect(
    mut next: Option<Command>,
    commands: &mut mpsc::Receiver<Command>,
    stop: &mut Option<oneshot::Sender<()>>,
) -> Vec<Command> {
    let mut batch = Vec::new();
    while let Some(command) = next.take().or_else(|| commands.try_recv().ok()) {
        if let Command::Stop { done } = command {
            *stop = Some(done);
            break;
        }
        let last = command.changes_rules() || batch.len() + 1 == COMMANDS_WAITING;
        batch.push(command);
        if last {
            break;
        }
    }
    batch
}

async fn commit(journal: &impl Journal, changes: Vec<Change>) -> Result<(), JournalError> {
    match timeout(COMMIT_PATIENCE, journal.commit(changes)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(JournalError::Unavailable(
            format!(
                "the medium did not answer within {} s",
                COMMIT_PATIENCE.as_secs()
            )
            .into(),
        )),
    }
}

/// Back-off of writing again.
struct Retry {
    pause: Duration,
    at: Instant,
}

impl Retry {
    fn note(&mut self, outcome: &Result<(), JournalError>) {
        if let Err(error) = outcome {
            tracing::warn!(%error, retry_s = self.pause.as_secs(), "alerts are not durable");
            self.at = Instant::now() + self.pause;
            self.pause = (self.pause * 2).min(RETRY_LONGEST);
        } else {
            self.at = Instant::now();
            self.pause = RETRY_FIRST;
        }
    }
}
