//! Outgoing notifications: from the store's outbox to webhooks.
//!
//! The store puts a notification into its outbox in the same commit as the
//! alert, so an alert cannot be acknowledged to anyone and its notification
//! lost. One task a target takes them from there in order, at least once:
//! after a power cut the newest few may come again under the same
//! `X-MFG-Delivery`. The outbox is bounded and keeps the worst longest; other
//! kinds of targets read it the same way. This room must never hold up an
//! alert, and must never send where `notify.allow` does not say.

mod measured;
mod webhook;
mod worker;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use thiserror::Error;
use tokio::task::JoinSet;

use crate::config;
use crate::supervision::Supervisor;
use store::{AlertRecord, Change, OutboxEvent, OutboxRecord, Store};

use webhook::client::Caller;
use worker::{Counters, Courier, Progress};

pub use webhook::client::CallError;

/// Why a webhook in the configuration cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("notify.webhook {name:?}: {reason}")]
pub struct TargetError {
    /// Its name; `allow` for the list of places.
    pub name: String,
    /// What is wrong and what to do.
    pub reason: String,
}

/// Why a test was not delivered.
#[derive(Debug, Error)]
pub enum TestError {
    /// No target of that name.
    #[error("there is no webhook {0:?}; the configured ones are: {1}")]
    Unknown(String, String),
    /// The target cannot be used.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// It was sent and did not arrive.
    #[error("{0}: {1}")]
    Call(String, CallError),
}

/// Counters of one target for `/metrics`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetStats {
    /// Its name.
    pub name: Arc<str>,
    /// Notifications that arrived.
    pub sent: u64,
    /// Calls that failed.
    pub failed: u64,
    /// Notifications given up because the target kept refusing them.
    pub refused: u64,
}

/// The notifier; its tasks end when it is dropped.
pub struct Notifier {
    counters: Vec<(Arc<str>, Arc<Counters>)>,
    _tasks: JoinSet<()>,
}

impl Notifier {
    /// Starts a task for each target on the current runtime, and has the
    /// store keep the outbox from now on.
    ///
    /// # Errors
    /// [`TargetError`] for a webhook that cannot be used.
    pub async fn start(
        config: &config::Notify,
        store: Store,
        supervisor: Option<&Supervisor>,
    ) -> Result<Notifier, TargetError> {
        Notifier::start_paced(config, store, supervisor, worker::BACK_OFF_MIN).await
    }

    async fn start_paced(
        config: &config::Notify,
        store: Store,
        supervisor: Option<&Supervisor>,
        back_off_min: Duration,
    ) -> Result<Notifier, TargetError> {
        let callers = callers(config)?;
        store.keep_outbox(!callers.is_empty());
        let progress = Arc::new(Progress::new(first_positions(&store, &callers).await));
        if callers.is_empty() {
            progress.drop_delivered(&store);
        }
        let (mut counters, mut tasks) = (Vec::new(), JoinSet::new());
        for (index, caller) in callers.into_iter().enumerate() {
            let counted = Arc::new(Counters::default());
            counters.push((caller.target().name.clone(), counted.clone()));
            let (store, progress) = (store.clone(), progress.clone());
            let courier = Courier {
                caller,
                index,
                store,
                progress,
                counters: counted,
                back_off_min,
            };
            match supervisor {
                Some(supervisor) => {
                    tasks.spawn(supervisor.watched("notifications", None, courier.run()))
                }
                None => tasks.spawn(courier.run()),
            };
        }
        Ok(Notifier {
            counters,
            _tasks: tasks,
        })
    }

    /// Counters of every target.
    #[must_use]
    pub fn stats(&self) -> Vec<TargetStats> {
        let read = |(name, counters): &(Arc<str>, Arc<Counters>)| TargetStats {
            name: name.clone(),
            sent: counters.sent.load(Ordering::Relaxed),
            failed: counters.failed.load(Ordering::Relaxed),
            refused: counters.refused.load(Ordering::Relaxed),
        };
        self.counters.iter().map(read).collect()
    }
}

/// Sends a test notification to the target called `name`, at once and past
/// the outbox; needs no running gateway.
///
/// # Errors
/// [`TestError`] saying what is wrong with it.
pub async fn send_test(config: &config::Notify, name: &str) -> Result<(), TestError> {
    let callers = callers(config)?;
    let known = || {
        callers
            .iter()
            .map(|caller| &*caller.target().name)
            .collect::<Vec<_>>()
            .join(", ")
    };
    let caller = callers.iter().find(|caller| &*caller.target().name == name);
    let caller = caller.ok_or_else(|| TestError::Unknown(name.to_owned(), known()))?;
    caller
        .call(&test_notification(), "test")
        .await
        .map_err(|error| TestError::Call(name.to_owned(), error))
}

/// Whether each target takes connections, all asked at once. Nothing is sent to
/// any; one that cannot be used is left out.
pub async fn reach(config: &config::Notify) -> Vec<(Arc<str>, Result<(), String>)> {
    let (callers, _) = judged(config);
    let asked = callers.iter().map(|caller| async {
        let outcome = caller.reach().await;
        (caller.target().name.clone(), outcome)
    });
    futures_util::future::join_all(asked).await
}

/// What is wrong with `[notify]`: with the webhook of that number, or with
/// `notify.allow`. A reason that concerns one key begins with it.
#[must_use]
pub fn problems(config: &config::Notify) -> Vec<(Option<usize>, String)> {
    judged(config).1
}

/// What can be called, and what is wrong with the rest.
fn judged(config: &config::Notify) -> (Vec<Caller>, Vec<webhook::target::Wrong>) {
    let (targets, mut wrong) = webhook::target::parse(config);
    let mut callers = Vec::with_capacity(targets.len());
    for target in targets {
        let is_it = |webhook: &config::Webhook| *webhook.name == *target.name;
        let index = config.webhook.iter().position(is_it);
        match Caller::new(target) {
            Ok(caller) => callers.push(caller),
            Err(reason) => wrong.push((index, reason)),
        }
    }
    (callers, wrong)
}

fn callers(config: &config::Notify) -> Result<Vec<Caller>, TargetError> {
    let (callers, wrong) = judged(config);
    match wrong.into_iter().next() {
        None => Ok(callers),
        Some((index, reason)) => {
            let webhook = index.and_then(|index| config.webhook.get(index));
            let name = webhook.map_or("allow", |webhook| &webhook.name).to_owned();
            Err(TargetError { name, reason })
        }
    }
}

/// Where each target goes on. A new one starts with what comes now, and that
/// is made durable: started again, it must not skip what came meanwhile.
async fn first_positions(store: &Store, callers: &[Caller]) -> Vec<u64> {
    let newest = store.outbox_newest();
    let mut positions = Vec::with_capacity(callers.len());
    for caller in callers {
        let name = &caller.target().name;
        if let Some(position) = store.delivered(name) {
            positions.push(position);
            continue;
        }
        if let Err(error) = store
            .commit(vec![Change::Delivered(name.to_string(), newest)])
            .await
        {
            tracing::warn!(target = &**name, %error, "the start of a new webhook is not recorded yet");
        }
        positions.push(newest);
    }
    positions
}

fn test_notification() -> OutboxRecord {
    let now_us = jiff::Timestamp::now().as_microsecond();
    let alert = AlertRecord {
        seq: 0,
        epoch: 0,
        rule: "Test".to_owned(),
        subject: "board".to_owned(),
        level: "info".to_owned(),
        alert_type: "system".to_owned(),
        message: "This is a test of the notification; nothing is wrong.".to_owned(),
        details: None,
        origin: "test".to_owned(),
        metric: None,
        value: None,
        threshold: None,
        created_us: now_us,
        cleared_us: None,
        acknowledged: None,
        resolved: Some((now_us, "test".to_owned())),
    };
    OutboxRecord {
        event: OutboxEvent::Raised,
        alert,
    }
}

#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;
