//! Which gateway speaks, where its page is, and what its drones are called.
//!
//! Filled in by whoever starts the notifier, so that this room need not know a drone.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use readings::{AlertType, Level};
use store::{AlertRecord, OutboxEvent, OutboxRecord};

use super::channel::{DroneName, Notification, Reminder};
use super::plan::Step;
use crate::config::{Config, DroneMode};

/// The drone with that id, if there is one; asked when a message is written.
pub type Names = Arc<dyn Fn(&str) -> Option<DroneName> + Send + Sync>;

/// Who speaks to the channels.
#[derive(Clone)]
pub struct Sender {
    gateway: Arc<str>,
    page: Option<Arc<str>>,
    names: Names,
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sender").field(&self.gateway).finish()
    }
}

impl Sender {
    /// The gateway of that configuration, with the drones that `names` knows.
    #[must_use]
    pub fn new(config: &Config, names: Names) -> Sender {
        Sender {
            gateway: config.gateway.name_or_host().into(),
            page: config.gateway.page(config.server.listen).map(Into::into),
            names,
        }
    }

    /// The gateway of that configuration, with the drones that stand in it.
    #[must_use]
    pub fn configured(config: &Config) -> Sender {
        let drones = config.drones.drone.clone();
        let names = move |id: &str| {
            let drone = drones.iter().find(|drone| drone.id == id)?;
            Some(DroneName {
                name: drone.name.as_deref().unwrap_or(id).into(),
                simulated: drone.mode == Some(DroneMode::Simulation),
            })
        };
        Sender::new(config, Arc::new(names))
    }

    /// What is to be said of `record`.
    pub(super) fn says(&self, record: OutboxRecord, delivery: String) -> Notification {
        Notification {
            gateway: self.gateway.clone(),
            page: self.page.clone(),
            drone: (self.names)(&record.alert.subject),
            record,
            delivery,
            also: Vec::new(),
            is_summary: false,
            again: None,
        }
    }

    /// What is to be said at a step of a channel.
    pub(super) fn says_step(&self, step: &Step) -> Notification {
        let number = step.numbers.first().copied().unwrap_or(0);
        let others = step.also.iter().cloned();
        Notification {
            also: others
                .map(|record| self.says(record, String::new()))
                .collect(),
            is_summary: step.is_summary,
            ..self.says(step.record.clone(), number.to_string())
        }
    }

    /// What is to be said, for the time `times` after the first, of something that nobody
    /// has acknowledged for so long.
    pub(super) fn says_again(
        &self,
        record: &OutboxRecord,
        times: u32,
        unanswered: Duration,
    ) -> Notification {
        // Not of the outbox: a number of its own.
        let delivery = format!("again-{}-{times}", record.alert.seq);
        Notification {
            again: Some(Reminder { times, unanswered }),
            ..self.says(record.clone(), delivery)
        }
    }

    /// A notification that says that nothing is wrong, to try a channel with.
    pub(super) fn test(&self) -> Notification {
        let now_us = jiff::Timestamp::now().as_microsecond();
        let alert = AlertRecord {
            seq: 0,
            epoch: 0,
            rule: "Test".to_owned(),
            subject: "board".to_owned(),
            level: Level::Info.name().to_owned(),
            alert_type: AlertType::System.name().to_owned(),
            message: "This is a test of the notification; nothing is wrong.".to_owned(),
            details: None,
            origin: TEST_ORIGIN.to_owned(),
            metric: None,
            value: None,
            threshold: None,
            created_us: now_us,
            cleared_us: None,
            acknowledged: None,
            resolved: Some((now_us, "test".to_owned())),
        };
        let record = OutboxRecord {
            event: OutboxEvent::Raised,
            alert,
        };
        self.says(record, "test".to_owned())
    }
}

/// Origin of a test, by which its words are found.
pub(super) const TEST_ORIGIN: &str = "test";
