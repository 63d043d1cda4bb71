//! The committer's task: waits, plans, commits, settles.
//!
//! The only place of this room that talks to the store and reads the clocks of
//! its own accord. Ends when it is told to, or when the last handle is gone;
//! either way what waits is committed first.

use std::time::Duration;

use readings::clock::{Mono, sleep};
use tokio::sync::{mpsc, oneshot};

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
        at: Mono::now(),
    };
    let mut running = true;
    while running {
        let service = committer.service().clone();
        let first = tokio::select! {
            biased;
            command = commands.recv() => { running = command.is_some(); command }
            () = service.wake.notified() => None,
            () = sleep(retry.at.since(Mono::now())), if committer.is_unsettled() => None,
        };
        let mut stop = None;
        let batch = collect(first, &mut commands, &mut stop);
        let rewrite = committer.is_unsettled() && (retry.at <= Mono::now() || stop.is_some());
        let mut plan = committer.plan(batch, rewrite, Moment::now());
        let changes = std::mem::take(&mut plan.changes);
        let outcome = if changes.is_empty() {
            Ok(())
        } else {
            let outcome = commit(&journal, changes, COMMIT_PATIENCE).await;
            retry.note(&outcome, Mono::now());
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

async fn commit(
    journal: &impl Journal,
    changes: Vec<Change>,
    patience: Duration,
) -> Result<(), JournalError> {
    tokio::select! {
        biased;
        outcome = journal.commit(changes) => outcome,
        () = sleep(patience) => Err(JournalError::Unavailable(
            format!("the medium did not answer within {} s", patience.as_secs()).into(),
        )),
    }
}

/// Back-off of writing again.
struct Retry {
    pause: Duration,
    at: Mono,
}

impl Retry {
    fn note(&mut self, outcome: &Result<(), JournalError>, now: Mono) {
        if let Err(error) = outcome {
            tracing::warn!(%error, retry_s = self.pause.as_secs(), "alerts are not durable");
            self.at = now.plus(self.pause);
            self.pause = (self.pause * 2).min(RETRY_LONGEST);
        } else {
            self.at = now;
            self.pause = RETRY_FIRST;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex, PoisonError};

    use readings::{AlertType, Level, Sources};
    use tokio::sync::Semaphore;

    use super::super::error::AlertError;
    use super::super::journal::Kept;
    use super::super::rule::{Rule, tests::text};
    use super::*;
    use crate::{Alerts, Condition, Config};

    /// A medium that takes each commit when it is let, and keeps what it took.
    #[derive(Clone)]
    struct Medium {
        lets: Arc<Semaphore>,
        commits: Arc<Mutex<Vec<Vec<Change>>>>,
    }

    impl Medium {
        fn letting(commits: usize) -> Medium {
            Medium {
                lets: Arc::new(Semaphore::new(commits)),
                commits: Arc::default(),
            }
        }

        fn commits(&self) -> usize {
            let commits = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
            commits.len()
        }
    }

    impl Journal for Medium {
        fn kept(&self) -> Kept {
            Kept::default()
        }

        async fn commit(&self, changes: Vec<Change>) -> Result<(), JournalError> {
            let permit = self.lets.acquire().await.expect("open");
            permit.forget();
            let mut commits = self.commits.lock().unwrap_or_else(PoisonError::into_inner);
            commits.push(changes);
            Ok(())
        }

        fn defer(&self, _: Vec<Change>) {}
    }

    fn condition() -> Condition {
        Condition {
            key: "k",
            subject: "board".into(),
            level: Level::Warning,
            alert_type: AlertType::System,
            title: "T",
            message: "m".to_owned(),
            details: None,
        }
    }

    fn start(medium: &Medium) -> Alerts {
        let sources = Arc::new(Sources::default());
        Alerts::start(&Config::default(), sources, medium.clone()).expect("valid")
    }

    fn put(name: &str) -> Command {
        let rule = Rule {
            name: name.into(),
            ..Rule::parse(&text(">", 1.0)).expect("valid")
        };
        let (reply, _) = oneshot::channel();
        Command::PutRule { rule, reply }
    }

    fn remind() -> Command {
        Command::Remind { id: "a".into() }
    }

    /// How many commands make one commit, of these; and whether it is the last.
    fn collected(commands: Vec<Command>) -> (usize, bool, usize) {
        let (sender, mut waiting) = mpsc::channel(2 * COMMANDS_WAITING);
        for command in commands {
            assert!(sender.try_send(command).is_ok());
        }
        let mut stop = None;
        let batch = collect(None, &mut waiting, &mut stop);
        (batch.len(), stop.is_some(), waiting.len())
    }

    #[test]
    fn a_commit_ends_after_a_rule_and_before_a_stop_and_is_bounded() {
        assert_eq!(collected(vec![]), (0, false, 0));
        assert_eq!(collected(vec![remind(), remind()]), (2, false, 0));
        assert_eq!(
            collected(vec![remind(), put("a"), put("b"), remind()]),
            (2, false, 2)
        );
        let (done, _) = oneshot::channel();
        let stopped = vec![remind(), Command::Stop { done }, remind()];
        assert_eq!(collected(stopped), (1, true, 1));
        let many = (0..COMMANDS_WAITING + 3).map(|_| remind()).collect();
        assert_eq!(collected(many), (COMMANDS_WAITING, false, 3));
    }

    #[test]
    fn writing_again_waits_twice_as_long_each_time_up_to_a_minute() {
        let begin = Mono::from_millis(10_000);
        let mut retry = Retry {
            pause: RETRY_FIRST,
            at: begin,
        };
        let refused = Err(JournalError::Busy);
        for pause_s in [1, 2, 4, 8, 16, 32, 60, 60] {
            retry.note(&refused, begin);
            assert_eq!(retry.at.since(begin), Duration::from_secs(pause_s));
        }
        retry.note(&Ok(()), begin);
        assert_eq!((retry.at, retry.pause), (begin, RETRY_FIRST));
    }

    #[tokio::test]
    async fn a_medium_that_does_not_answer_is_given_up() {
        let change = || vec![Change::DeleteAlert(1)];
        let stuck = Medium::letting(0);
        let given_up = commit(&stuck, change(), Duration::ZERO).await;
        let Err(JournalError::Unavailable(why)) = given_up else {
            panic!("{given_up:?}")
        };
        assert!(why.contains("did not answer within 0 s"), "{why}");
        let good = Medium::letting(1);
        let done = commit(&good, change(), COMMIT_PATIENCE).await;
        assert!(done.is_ok(), "{done:?}");
        assert_eq!(good.commits(), 1);
    }

    #[tokio::test]
    async fn nobody_hears_of_an_alert_before_it_is_durable() {
        let medium = Medium::letting(0);
        let alerts = start(&medium);
        let mut events = alerts.subscribe();
        alerts.raise(condition());
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        assert!(events.try_recv().is_err() && alerts.list(&Default::default()).is_empty());
        medium.lets.add_permits(1);
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        events.try_recv().expect("raised");
        let raised = alerts.list(&Default::default());
        assert!(raised.len() == 1 && raised[0].durable && medium.commits() == 1);
    }

    #[tokio::test]
    async fn what_waits_at_a_stop_is_committed_and_what_comes_later_is_refused() {
        let medium = Medium::letting(9);
        let alerts = start(&medium);
        alerts.raise(condition());
        alerts.stop().await;
        assert_eq!(medium.commits(), 1);
        let refused = alerts.acknowledge("alert_1", "somebody").await;
        assert!(
            matches!(refused, Err(AlertError::Storage(JournalError::Stopping))),
            "{refused:?}"
        );
        alerts.stop().await;
        assert_eq!(medium.commits(), 1, "once is enough");
    }

    #[tokio::test]
    async fn too_many_changes_at_once_are_refused_and_counted() {
        let medium = Medium::letting(0);
        let alerts = start(&medium);
        let name = |n: usize| Rule {
            name: format!("r{n}").into(),
            ..Rule::parse(&text(">", 1.0)).expect("valid")
        };
        let mut waiting = Vec::new();
        // One is with the medium; as many as may wait, wait.
        for n in 0..COMMANDS_WAITING + 1 {
            let alerts = alerts.clone();
            let rule = name(n);
            waiting.push(tokio::spawn(async move { alerts.put_rule(rule).await }));
            for _ in 0..3 {
                tokio::task::yield_now().await;
            }
        }
        assert_eq!(alerts.stats().commands_waiting, COMMANDS_WAITING);
        let refused = alerts.put_rule(name(999)).await;
        assert!(
            matches!(refused, Err(AlertError::Storage(JournalError::Busy))),
            "{refused:?}"
        );
        assert_eq!(alerts.stats().commands_refused, 1);
        medium.lets.add_permits(2 * COMMANDS_WAITING);
        for one in waiting {
            one.await.expect("it runs").expect("done");
        }
    }
}
