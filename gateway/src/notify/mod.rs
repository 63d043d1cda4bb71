//! Outgoing notifications: from the store's outbox to the channels that people read.
//!
//! A notification is committed to the outbox together with its alert, so an alert cannot
//! be acknowledged to anyone and its notification lost. One task a channel takes them
//! from there in order (`worker`), at least once: after a power cut the newest few may
//! come again under the same number. What a channel is says `channel`; each kind has a
//! file or a folder of its own. This room must never hold up an alert, and must never send
//! where `notify.allow` does not say.

mod allowed;
mod channel;
mod email;
mod http;
mod measured;
mod message;
mod mqtt;
mod plan;
mod progress;
mod resolve;
mod routing;
mod sender;
mod service;
mod services;
mod webhook;
mod words;
mod worker;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use thiserror::Error;
use tokio::task::JoinSet;

use crate::config::Config;
use crate::supervision::Supervisor;
use readings::Level;
use store::{Change, OutboxRecord, Store};

use allowed::Allowed;
use channel::Channel;
use email::Email;
use mqtt::Mqtt;
use progress::{Counters, Progress};
use service::Service;
use webhook::Webhook;
use worker::{DeliveryWorker, Pace};

pub use channel::{DroneName, NotDelivered};
pub use sender::Sender;

/// Every channel of the configuration that can be used, and what is wrong with the
/// others. A further kind of channel is a line here.
fn channels(config: &Config) -> (Vec<Arc<dyn Channel>>, Vec<ChannelError>) {
    let (mut found, broker) = (Channels::default(), &config.mqtt);
    let gateway = config.gateway.name_or_host();
    let config = &config.notify;
    let allowed = Allowed::parse(&config.allow).map_err(|reason| format!("allow: {reason}"));
    let allowed = allowed.and_then(|list| list.through(config.proxy.as_deref()));
    match allowed.map(Arc::new) {
        // Nothing can be said of the channels then.
        Err(reason) => found.wrong.push(ChannelError {
            section: vec!["notify".to_owned()],
            reason,
        }),
        Ok(allowed) => {
            found.add(
                "webhook",
                &config.webhook,
                |it| &it.name,
                |it| Webhook::open(it, &allowed),
            );
            found.add(
                "email",
                &config.email,
                |it| &it.name,
                |it| Email::open(it, &allowed),
            );
            for (name, sections) in config.services() {
                let Some(kind) = services::kind(name) else {
                    continue;
                };
                found.add(
                    name,
                    sections,
                    |it| &it.name,
                    |it| Service::open(kind, it, &allowed),
                );
            }
        }
    }
    match Mqtt::open(broker, &gateway) {
        Ok(channel) => found.add_broker(channel),
        Err(reason) => found.wrong.push(ChannelError {
            section: vec!["mqtt".to_owned()],
            reason,
        }),
    }
    found.judge_escalations();
    (found.usable, found.wrong)
}

/// Most channels of a kind: each is a task, a connection and a place in the store, and an
/// alert is sent to all of them.
const MAX_CHANNELS: usize = 16;

#[derive(Default)]
struct Channels {
    names: Vec<String>,
    usable: Vec<Arc<dyn Channel>>,
    /// Where each of these stands.
    sections: Vec<Vec<String>>,
    wrong: Vec<ChannelError>,
}

impl Channels {
    /// Opens every section of one kind, `[[notify.<kind>]]`.
    fn add<S, C: Channel>(
        &mut self,
        kind: &str,
        sections: &[S],
        name: impl Fn(&S) -> &String,
        open: impl Fn(&S) -> Result<C, String>,
    ) {
        for (index, section) in sections.iter().enumerate() {
            let mut refuse = |reason| {
                let section = ["notify", kind, &index.to_string()].map(str::to_owned);
                self.wrong.push(ChannelError {
                    section: section.into(),
                    reason,
                });
            };
            if index >= MAX_CHANNELS {
                refuse(format!("at most {MAX_CHANNELS} of a kind; remove this one"));
            }
            // How far each has come is stored under its name.
            if name(section).chars().any(readings::text::is_misleading) {
                refuse("name: it must not break or turn a line of a log".to_owned());
            }
            if self.names.contains(name(section)) {
                refuse("name: another one has this name; names must differ".to_owned());
            }
            match open(section) {
                Ok(channel) => {
                    let section = ["notify", kind, &index.to_string()].map(str::to_owned);
                    self.sections.push(section.into());
                    self.usable.push(Arc::new(channel));
                }
                Err(reason) => refuse(reason),
            }
            self.names.push(name(section).clone());
        }
    }

    /// Opens the channel to the broker, which has a section of its own.
    fn add_broker(&mut self, channel: Option<Mqtt>) {
        let Some(channel) = channel else { return };
        let section = vec!["mqtt".to_owned()];
        if self.names.iter().any(|name| name == channel.name()) {
            self.wrong.push(ChannelError {
                section,
                reason: format!(
                    "a channel is called {:?}; give it another name",
                    channel.name()
                ),
            });
            return;
        }
        self.names.push(channel.name().to_owned());
        self.sections.push(section);
        self.usable.push(Arc::new(channel));
    }

    /// A channel escalates to another one that there is.
    fn judge_escalations(&mut self) {
        for (channel, section) in self.usable.iter().zip(&self.sections) {
            let Some((to, _)) = &channel.routing().escalation else {
                continue;
            };
            if !self.names.contains(to) || to == channel.name() {
                self.wrong.push(ChannelError {
                    section: section.clone(),
                    reason: format!("escalate_to: there is no other channel called {to:?}"),
                });
            }
        }
    }
}

/// Why a channel of the configuration cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{}: {reason}", section.join("."))]
pub struct ChannelError {
    /// Where it stands in the configuration: `notify`, `webhook`, its number; or `notify`
    /// alone for what concerns all.
    pub section: Vec<String>,
    /// What is wrong and what to do; begins with the key at fault, where it is one.
    pub reason: String,
}

/// Why a test was not delivered.
#[derive(Debug, Error)]
pub enum TestError {
    /// No channel of that name.
    #[error("there is no channel called {0:?}; the configured ones are: {1}")]
    Unknown(String, String),
    /// A channel cannot be used.
    #[error(transparent)]
    Channel(#[from] ChannelError),
    /// It was sent and did not arrive.
    #[error("{0}: {1}")]
    NotDelivered(String, NotDelivered),
}

/// Counters of one channel for `/metrics`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChannelStats {
    /// Its name.
    pub name: String,
    /// What kind it is, such as `webhook`.
    pub kind: &'static str,
    /// Least level it is sent; all when none.
    pub min_level: Option<Level>,
    /// Notifications that arrived.
    pub sent: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Notifications given up because they were refused again and again.
    pub refused: u64,
    /// Why the last attempt failed, if it did.
    pub problem: Option<String>,
}

/// Says whether channels are not to hear of a notification; asked when it is its turn.
pub type Hides = Arc<dyn Fn(&OutboxRecord) -> bool + Send + Sync>;

/// Says whether the clock on the wall is synchronised.
pub type Clock = Arc<dyn Fn() -> Option<bool> + Send + Sync>;

/// Hears of a channel, by its name, that it fails, or that it does not any more.
pub type Alarm = Arc<dyn Fn(&str, Option<&str>) + Send + Sync>;

/// Origin of the alert that a channel fails, and what its subject begins with: the channel
/// itself is not told of it.
pub const FAILING: (&str, &str) = (worker::FAILING_ORIGIN, worker::FAILING_SUBJECT);

/// The notifier; its tasks end when it is dropped.
pub struct Notifier {
    counters: Vec<(Arc<dyn Channel>, Arc<Counters>)>,
    progress: Arc<Progress>,
    _tasks: JoinSet<()>,
}

/// Has the store keep what happens to alerts from now on, if there is a channel to tell it
/// to. To be called before anything can raise an alert: what a source finds while the
/// gateway starts is told as well, although the channels begin to send later.
///
/// # Errors
/// [`ChannelError`] for a channel that cannot be used.
pub async fn keep_outbox(config: &Config, store: &Store) -> Result<(), ChannelError> {
    let channels = usable(config)?;
    store.keep_outbox(!channels.is_empty());
    // A new channel begins here, not where it is when its task starts.
    first_positions(store, &channels).await;
    Ok(())
}

/// What a notifier is given beside its channels.
#[derive(Clone)]
pub struct Terms {
    /// Who speaks.
    pub sender: Sender,
    /// What channels are not to hear.
    pub hides: Hides,
    /// Whether the clock on the wall is right, where that is known.
    pub clock: Clock,
    /// Hears that a channel has failed for a minute, and why; and that it works again.
    pub alarm: Alarm,
}

impl Notifier {
    /// Starts a task for each channel on the current runtime, and has the store keep the
    /// outbox from now on. Channels get nothing of what `hides` keeps from them.
    ///
    /// # Errors
    /// [`ChannelError`] for a channel that cannot be used.
    pub async fn start(
        config: &Config,
        store: Store,
        supervisor: Option<&Supervisor>,
        terms: Terms,
    ) -> Result<Notifier, ChannelError> {
        let channels = usable(config)?;
        Ok(Notifier::run(channels, store, supervisor, terms, Pace::USUAL).await)
    }

    async fn run(
        channels: Vec<Arc<dyn Channel>>,
        store: Store,
        supervisor: Option<&Supervisor>,
        terms: Terms,
        pace: Pace,
    ) -> Notifier {
        store.keep_outbox(!channels.is_empty());
        let progress = Arc::new(Progress::new(first_positions(&store, &channels).await));
        if channels.is_empty() {
            progress.drop_delivered(&store);
        }
        let (mut counters, mut tasks) = (Vec::new(), JoinSet::new());
        for (index, channel) in channels.iter().cloned().enumerate() {
            let escalation = &channel.routing().escalation;
            let second = escalation.as_ref().and_then(|(second, _)| {
                let second = channels.iter().find(|other| other.name() == second);
                second.cloned()
            });
            let counted = Arc::new(Counters::default());
            counters.push((channel.clone(), counted.clone()));
            let name: Arc<str> = format!("notifications to {}", channel.name()).into();
            let worker = DeliveryWorker {
                channel,
                second,
                index,
                store: store.clone(),
                progress: progress.clone(),
                counters: counted,
                terms: terms.clone(),
                pace,
            };
            // All that a worker knows is in the progress that they share: it can be begun
            // again after a fault of its own, and the other channels go on meanwhile.
            match supervisor {
                Some(supervisor) => {
                    tasks.spawn(supervisor.kept(name, None, move || worker.clone().run()))
                }
                None => tasks.spawn(worker.run()),
            };
        }
        Notifier {
            counters,
            progress,
            _tasks: tasks,
        }
    }

    /// Has every channel that waits after a failure try at once: somebody knows that the
    /// other side is there again.
    pub fn wake(&self) {
        self.progress.wake();
    }

    /// Counters of every channel.
    #[must_use]
    pub fn stats(&self) -> Vec<ChannelStats> {
        let read = |(channel, counters): &(Arc<dyn Channel>, Arc<Counters>)| ChannelStats {
            name: channel.name().to_owned(),
            kind: channel.kind(),
            min_level: channel.routing().min_level,
            sent: counters.sent.load(Ordering::Relaxed),
            failed: counters.failed.load(Ordering::Relaxed),
            refused: counters.refused.load(Ordering::Relaxed),
            problem: counters.problem(),
        };
        self.counters.iter().map(read).collect()
    }
}

/// Sends a test notification to the channel called `name`, at once and past the outbox;
/// needs no running gateway.
///
/// # Errors
/// [`TestError`] saying what is wrong with it.
pub async fn send_test(config: &Config, name: &str) -> Result<(), TestError> {
    let channels = usable(config)?;
    let Some(channel) = channels.iter().find(|channel| channel.name() == name) else {
        let known: Vec<&str> = channels.iter().map(|channel| channel.name()).collect();
        return Err(TestError::Unknown(name.to_owned(), known.join(", ")));
    };
    let sent = channel.send(&Sender::configured(config).test()).await;
    sent.map_err(|error| TestError::NotDelivered(name.to_owned(), error))
}

/// A channel as it is listed.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Configured {
    /// Its name.
    pub name: String,
    /// What kind it is, such as `webhook`.
    pub kind: &'static str,
    /// Scheme, host and port; none where it stands in a file.
    pub address: Option<String>,
    /// Least level it is sent.
    pub min_level: &'static str,
}

/// Scheme, host and port of where a channel leads; none where that stands in a file.
pub(crate) fn address_of(config: &Config, name: &str) -> Option<String> {
    let of_broker = || {
        let url = config.mqtt.url.as_deref().filter(|_| name == mqtt::NAME)?;
        crate::config::notify::place(url)
    };
    config.notify.address_of(name).or_else(of_broker)
}

/// Every channel of the configuration.
///
/// # Errors
/// [`ChannelError`] for one that cannot be used.
pub fn configured(config: &Config) -> Result<Vec<Configured>, ChannelError> {
    let listed = usable(config)?.into_iter().map(|channel| Configured {
        name: channel.name().to_owned(),
        kind: channel.kind(),
        address: address_of(config, channel.name()),
        min_level: channel.routing().min_level.unwrap_or(Level::Info).name(),
    });
    Ok(listed.collect())
}

/// Whether each channel could send now, all asked at once, with its kind and name.
/// Nothing is sent by any; one that cannot be used is left out.
pub async fn check(config: &Config) -> Vec<(String, Result<(), String>)> {
    let (channels, _) = channels(config);
    let asked = channels.iter().map(|channel| async {
        let subject = format!("{} {}", channel.kind(), channel.name());
        (subject, channel.check().await)
    });
    futures_util::future::join_all(asked).await
}

/// What is wrong with `[notify]`.
#[must_use]
pub fn problems(config: &Config) -> Vec<ChannelError> {
    channels(config).1
}

fn usable(config: &Config) -> Result<Vec<Arc<dyn Channel>>, ChannelError> {
    let (usable, wrong) = channels(config);
    wrong.into_iter().next().map_or(Ok(usable), Err)
}

/// Where each channel goes on. A new one starts with what comes now, and that is made
/// durable: started again, it must not skip what came meanwhile.
async fn first_positions(store: &Store, channels: &[Arc<dyn Channel>]) -> Vec<u64> {
    let newest = store.outbox_newest();
    let mut positions = Vec::with_capacity(channels.len());
    for channel in channels {
        let name = channel.name();
        if let Some(position) = store.delivered(name) {
            positions.push(position);
            continue;
        }
        let start = Change::Delivered(name.to_owned(), newest);
        if let Err(error) = store.commit(vec![start]).await {
            tracing::warn!(channel = name, %error, "the start of a new channel is not recorded yet");
        }
        positions.push(newest);
    }
    positions
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod worker_tests;
