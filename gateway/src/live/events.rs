//! `/ws` (contract 16): admission, and the life of one connection.
//!
//! One task a client, one small buffer each way, a cap on clients. A client
//! that does not read is cut off when a write blocks for too long: others must
//! never wait for it. What a client says is judged in [`crate::live::messages`].

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::ws::{Message, WebSocket};
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use readings::clock::Mono;
use readings::event::{Event, EventKind};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::http::call::Call;
use crate::http::credentials::TICKET;
use crate::http::envelope::Outcome;
use crate::http::params::{Kind, Location, Param};
use crate::http::route::{Gives, Policy, Route, Verb};
use crate::http::rows::{ADMIN, WRITE, later};
use crate::http::state::App;
use crate::live::changes::DroneChanges;
use crate::live::commands::CommandMessages;
use crate::live::control_messages::Flyer;
use crate::live::down::DownMessages;
use crate::live::message::{self, Reply};
use crate::live::messages;
use crate::live::network_messages::{self, NetworkChanges};
use crate::live::socket::{self, ClientPermit, Gone, MAX_SILENT_PINGS, PING_EVERY};
use crate::live::sticks;
use crate::live::subscriptions::Subscriptions;
use crate::routes::control::Speaker;
use alerting::AlertEvent;

/// The routes of this file.
pub(crate) const ROUTES: &[Route] =
    &[
        later(Verb::Get, "/ws", Policy::Socket, connect, Gives::Upgrade)
            .about(
                "live",
                "Open a WebSocket for requests, replies and broadcasts",
            )
            .takes(CONNECT),
    ];

/// Drones to follow from the start: a client that lost its connection takes its
/// subscriptions up again with the hand-shake, and misses nothing in between.
const FOLLOW: Param = Param::optional(
    Location::Query,
    "drones",
    Kind::Text,
    "Comma list of drone ids to subscribe to",
);

/// Whether the client asks for events; the contract's clients do not, and hear none.
const EVENTS: Param = Param::optional(
    Location::Query,
    "events",
    Kind::Flag,
    "Also send `event` messages: what happens, as docs/event.schema.json says",
);

/// The session of a client whose connection was lost a moment ago: it goes on flying.
const SESSION: Param = Param::optional(
    Location::Query,
    "session",
    Kind::Text,
    "Session to take up again, from the greeting of a socket that was lost under 3 s ago",
);

/// Parameters of `/ws`.
pub(crate) const CONNECT: &[Param] = &[TICKET, FOLLOW, EVENTS, SESSION];

/// Nothing unsolicited in the first seconds: clients first read the greeting
/// and the answer to what they ask. Events are not held back: who asks for them
/// expects them, and what happens in those seconds must not overflow the queue.
const QUIET: Duration = Duration::from_secs(5);

/// Between system-status broadcasts.
const STATUS_EVERY: Duration = Duration::from_secs(5);

/// Searches and verifications of one client that may be under way.
const MAX_PENDING: usize = 4;

/// Commands of one client that may be under way; more are refused, but for what brings a
/// drone down.
const MAX_PENDING_COMMANDS: usize = 16;

/// Answers to what brings drones down that may be under way besides; more are not told.
const MAX_PENDING_DOWN: usize = 16;

/// Between updates of drones.
const DRONES_EVERY: Duration = Duration::from_secs(1);

/// `GET /ws`
pub(crate) fn connect(call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(upgrade(call))
}

async fn upgrade(mut call: Call) -> Outcome {
    let upgrade = socket::upgrade(&mut call).await?;
    let permit = ClientPermit::of_client(&call)?;
    let cut_after = Duration::from_secs(call.config.server.write_timeout_s);
    let subscriptions = Subscriptions::of(&call.inputs.text(&FOLLOW).unwrap_or_default());
    let wants_events = call.inputs.flag(&EVENTS).unwrap_or(false);
    let app = Arc::clone(&call.app);
    let session = call.session.clone();
    let may = |policy: Policy| match policy.needs(call.config.access.profile) {
        None => true,
        Some(needed) => call
            .session
            .as_ref()
            .is_some_and(|session| session.may(needed)),
    };
    let (may_write, may_administer) = (may(WRITE), may(ADMIN));
    let flyer = flyer(&mut call, may_write);
    let down = DownMessages::of(&call);
    let commands = CommandMessages::of(&call, flyer.presence.id());
    Ok(upgrade.on_upgrade(move |socket| async move {
        let _seat = permit;
        let (pending, told) = (FuturesUnordered::new(), FuturesUnordered::new());
        let mut client = Client {
            app,
            socket,
            cut_after,
            flyer,
            down,
            commands,
            may_administer,
            wants_events,
            subscriptions,
            changes: DroneChanges::default(),
            pending,
            told,
        };
        let alive = client.app.clone();
        let life = async {
            // How it ended matters to nobody but the counters.
            let _ = client.serve().await;
        };
        let is_key_good = socket::live_within(&alive, session.as_ref(), life).await;
        if !is_key_good {
            client.flyer.presence.revoke();
        }
        socket::close(&mut client.socket, is_key_good).await;
    }))
}

/// Who speaks on this socket: a session, new or taken up again.
fn flyer(call: &mut Call, may_write: bool) -> Flyer {
    let again = call.inputs.text(&SESSION).and_then(|id| id.parse().ok());
    let mut speaker = Speaker::of(call);
    let presences = call.app.vehicles.controls().presences();
    let presence = presences.open(&speaker.by.id, again, Mono::now());
    speaker.by.session = Some(presence.id());
    Flyer {
        speaker,
        presence,
        may_write,
    }
}

/// The next event; none ever for a client that asked for none.
async fn next_event(
    events: &mut Option<broadcast::Receiver<Arc<Event>>>,
) -> Option<Result<Arc<Event>, RecvError>> {
    match events {
        Some(events) => Some(events.recv().await),
        None => None,
    }
}

/// One connected client.
struct Client {
    app: Arc<App>,
    socket: WebSocket,
    cut_after: Duration,
    flyer: Flyer,
    /// What it may bring down.
    down: DownMessages,
    /// What it may have drones do.
    commands: CommandMessages,
    /// Whether it may read the audit trail, and so hears of what comes into it.
    may_administer: bool,
    /// Whether it asked for events.
    wants_events: bool,
    subscriptions: Subscriptions,
    changes: DroneChanges,
    /// Answers of searches and checks, which take their time.
    pending: FuturesUnordered<BoxFuture<'static, String>>,
    /// Answers of what drones were told.
    told: FuturesUnordered<BoxFuture<'static, String>>,
}

impl Client {
    async fn serve(&mut self) -> Result<(), Gone> {
        // Subscribed before the greeting: an alert raised from now on waits in
        // the queue until the quiet period is over, and is not lost.
        let mut alerts = self.app.alerts.subscribe();
        let mut events = self.wants_events.then(|| self.app.events.subscribe());
        self.send(messages::greeting(self.flyer.presence.id()))
            .await?;
        let begun = Instant::now();
        let quiet_until = begun + QUIET;
        let every = |first: Instant, period| {
            let mut ticks = interval_at(first, period);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        };
        let mut pings = every(begun + PING_EVERY, PING_EVERY);
        let mut statuses = every(quiet_until, STATUS_EVERY);
        let mut drones = every(begun + DRONES_EVERY, DRONES_EVERY);
        let mut looks = every(quiet_until, network_messages::LOOK_EVERY);
        let mut network = NetworkChanges::new(&self.app);
        let mut silent_pings = 0;
        let stop = self.app.stop.clone();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return Err(Gone),
                event = alerts.recv(), if Instant::now() >= quiet_until => match event {
                    Ok(AlertEvent::Raised(alert)) => self.send(messages::alert(&alert, &self.app.mutes)).await?,
                    Ok(AlertEvent::Changed(..)) => {}
                    Err(RecvError::Lagged(lost)) => self.lost(lost),
                    Err(RecvError::Closed) => return Err(Gone),
                },
                Some(event) = next_event(&mut events) => match event {
                    Ok(event) if !self.may_hear(&event) => {}
                    Ok(event) => self.send(messages::event(&event)).await?,
                    Err(RecvError::Lagged(lost)) => self.lost(lost),
                    Err(RecvError::Closed) => return Err(Gone),
                },
                message = self.socket.recv() => {
                    silent_pings = 0;
                    self.hear(message).await?;
                }
                Some(answer) = self.told.next() => self.send(answer).await?,
                Some(answer) = self.pending.next() => self.send(answer).await?,
                _ = looks.tick() => {
                    for message in network.since_last(&self.app) {
                        self.send(message).await?;
                    }
                }
                _ = statuses.tick() => {
                    let status = crate::routes::dashboard::system_status(&self.app);
                    self.send(messages::system_status(&status)).await?;
                }
                _ = drones.tick() => {
                    self.send_drones().await?;
                    if Instant::now() >= quiet_until {
                        self.send_changes().await?;
                    }
                }
                _ = pings.tick() => {
                    if silent_pings >= MAX_SILENT_PINGS {
                        self.app.edge.stats.websockets_silent.fetch_add(1, Ordering::Relaxed);
                        return Err(Gone);
                    }
                    silent_pings += 1;
                    self.write(Message::Ping(Bytes::new())).await?;
                }
            }
        }
    }

    /// Addresses of clients, names of keys and of settings are for administrators.
    fn may_hear(&self, event: &Event) -> bool {
        let is_for_all = !matches!(event.kind, EventKind::Access | EventKind::Configuration);
        is_for_all || self.may_administer
    }

    /// Counts broadcasts that this client missed, because it was slow.
    fn lost(&self, broadcasts: u64) {
        let dropped = &self.app.edge.stats.broadcasts_dropped;
        dropped.fetch_add(broadcasts, Ordering::Relaxed);
    }

    /// Answers what the client said.
    async fn hear(&mut self, message: Option<Result<Message, axum::Error>>) -> Result<(), Gone> {
        let answer = match message {
            None | Some(Err(_) | Ok(Message::Close(_))) => return Err(Gone),
            // tungstenite answers pings by itself.
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => return Ok(()),
            Some(Ok(Message::Binary(_))) => Reply::Now(messages::not_json()),
            Some(Ok(Message::Text(text))) => match self.fly(&text) {
                // Never behind a search.
                Some(Reply::Later(_, told)) => {
                    self.pend(told);
                    return Ok(());
                }
                Some(reply) => reply,
                None => messages::reply(&self.app, &mut self.subscriptions, &self.flyer, &text),
            },
        };
        match answer {
            Reply::Nothing => Ok(()),
            Reply::Now(reply) => self.send(reply).await,
            Reply::Later(..) if self.pending.len() >= MAX_PENDING => {
                let many = "Too many searches at once; wait for those under way";
                self.send(message::refusal("MESSAGE_PROCESSING_ERROR", many))
                    .await
            }
            Reply::Later(first, rest) => {
                self.pending.push(rest);
                match first {
                    Some(first) => self.send(first).await,
                    None => Ok(()),
                }
            }
        }
    }

    /// What a message that flies, or brings down, is answered; none to another.
    fn fly(&self, text: &str) -> Option<Reply> {
        let is_room = self.told.len() < MAX_PENDING_COMMANDS;
        sticks::reply(&self.app, &self.flyer, text)
            .or_else(|| self.commands.reply(&self.app, text, is_room))
            .or_else(|| self.down.reply(&self.app, text))
    }

    /// Answers when `answer` is known; the commands behind it have left in any case.
    fn pend(&mut self, answer: BoxFuture<'static, String>) {
        if self.told.len() < MAX_PENDING_COMMANDS + MAX_PENDING_DOWN {
            self.told.push(answer);
        }
    }

    /// The state of every subscribed drone that exists.
    async fn send_drones(&mut self) -> Result<(), Gone> {
        let updates: Vec<String> = self
            .subscriptions
            .iter()
            .filter_map(|id| messages::drone_update(&self.app, id))
            .collect();
        for update in updates {
            self.send(update).await?;
        }
        Ok(())
    }

    /// Every connected drone that looks different from when it was last told.
    async fn send_changes(&mut self) -> Result<(), Gone> {
        for message in self.changes.since_last(&self.app, &self.subscriptions) {
            self.send(message).await?;
        }
        Ok(())
    }

    async fn send(&mut self, text: String) -> Result<(), Gone> {
        self.write(Message::Text(text.into())).await
    }

    /// Writes, or gives the client up.
    async fn write(&mut self, message: Message) -> Result<(), Gone> {
        socket::write(
            &mut self.socket,
            message,
            self.cut_after,
            &self.app.edge.stats.websockets_cut,
        )
        .await
    }
}
