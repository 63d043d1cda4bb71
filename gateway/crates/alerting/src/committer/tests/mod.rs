//! The committer without a store: plans are settled with the outcome a test wants.

mod life;
mod refused;

use super::*;
use crate::book::tests::moment;
use crate::conditions::STORE_LOSS;
use crate::conditions::tests::silent;
use crate::defaults::default_rules;
use crate::error::AlertError;
use readings::event::AlertChange;

use crate::model::{AlertEvent, Condition, RuleView};
use crate::rule::Rule;
use crate::rule::tests::text;
use crate::{Config, RuleText};
use readings::{Metric, Reading, SourceKind, Sources};
use tokio::sync::oneshot;

struct Bench {
    committer: Committer,
    service: Arc<AlertService>,
}

type Outcome = Result<(), JournalError>;

fn refused() -> Outcome {
    Err(JournalError::Unavailable("no space left on device".into()))
}

impl Bench {
    fn new(alerts: Vec<Alert>) -> Bench {
        Bench::with(&Config::default(), alerts)
    }

    fn with(config: &Config, alerts: Vec<Alert>) -> Bench {
        let kept = Kept {
            highest_seq: alerts.iter().map(|alert| alert.seq).max().unwrap_or(0),
            alerts,
            epoch: 0xaaaa,
            ..Kept::default()
        };
        let service = Arc::new(
            AlertService::new(config, default_rules(), Arc::new(Sources::default()))
                .expect("valid"),
        );
        Bench {
            committer: Committer::new(service.clone(), kept, 0xbbbb, Mono::ZERO),
            service,
        }
    }

    fn observe(&self, source: &str, metric: Metric, value: f64, second: u64) {
        let id = self
            .service
            .sources
            .register(source, SourceKind::Drone)
            .expect("room");
        self.service.engine.observe(
            id,
            &source.into(),
            &[Reading { metric, value }],
            Mono::from_millis(second * 1000),
        );
    }

    /// One round of the committer at `second`; returns what was to be committed.
    fn round(&mut self, commands: Vec<Command>, second: u64, outcome: Outcome) -> Vec<Change> {
        let mut plan = self.committer.plan(commands, true, moment(second));
        let changes = std::mem::take(&mut plan.changes);
        let outcome = if changes.is_empty() { Ok(()) } else { outcome };
        self.committer.settle(plan, outcome);
        changes
    }

    fn ok(&mut self, second: u64) -> Vec<Change> {
        self.round(vec![], second, Ok(()))
    }

    fn resolve(
        &mut self,
        id: &str,
        second: u64,
        outcome: Outcome,
    ) -> Result<Arc<Alert>, AlertError> {
        let (reply, mut answer) = oneshot::channel();
        self.round(
            vec![Command::Resolve {
                id: id.to_owned(),
                by: "Admin Key".into(),
                reply,
            }],
            second,
            outcome,
        );
        answer.try_recv().expect("answered")
    }

    fn acknowledge(
        &mut self,
        id: &str,
        second: u64,
        outcome: Outcome,
    ) -> Result<Arc<Alert>, AlertError> {
        let (reply, mut answer) = oneshot::channel();
        self.round(
            vec![Command::Acknowledge {
                id: id.to_owned(),
                by: "Admin Key".into(),
                reply,
            }],
            second,
            outcome,
        );
        answer.try_recv().expect("answered")
    }

    fn put_rule(&mut self, rule: &RuleText, outcome: Outcome) -> Result<RuleView, AlertError> {
        let (reply, mut answer) = oneshot::channel();
        let rule = Rule::parse(rule).expect("valid");
        self.round(vec![Command::PutRule { rule, reply }], 0, outcome);
        answer.try_recv().expect("answered")
    }

    fn delete_rule(&mut self, name: &str, outcome: Outcome) -> Result<(), AlertError> {
        let (reply, mut answer) = oneshot::channel();
        self.round(
            vec![Command::DeleteRule {
                name: name.to_owned(),
                reply,
            }],
            0,
            outcome,
        );
        answer.try_recv().expect("answered")
    }

    /// Newest first.
    fn alerts(&self) -> Vec<Arc<Alert>> {
        self.service.book().iter().cloned().collect()
    }

    fn durable(&self) -> Vec<Alert> {
        self.service
            .book()
            .iter()
            .rev()
            .map(|alert| (**alert).clone())
            .collect()
    }
}

/// The alerts a commit held.
fn written(changes: &[Change]) -> Vec<u64> {
    let seq = |change: &Change| match change {
        Change::PutAlert(alert, _) => Some(alert.seq),
        _ => None,
    };
    changes.iter().filter_map(seq).collect()
}

/// What the alerts of a commit are said to have gone through.
fn events(changes: &[Change]) -> Vec<(u64, Option<AlertChange>)> {
    let event = |change: &Change| match change {
        Change::PutAlert(alert, event) => Some((alert.seq, *event)),
        _ => None,
    };
    changes.iter().filter_map(event).collect()
}
