//! The task that tells the broker, and hears it.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use alerting::{Alert, Alerts, Filter};
use jiff::Timestamp;
use readings::clock::Mono;
use readings::telemetry::Telemetry;
use readings::{Metric, SourceId};
use serde_json::json;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::order::{RecentOrders, WallClock, judge};
use super::{Audit, Clock, Mqtt, home_assistant, values};
use crate::broker::{Broker, Class, Message, Session, SessionEvent};
use crate::config;
use crate::sources::vehicles::{CommandError, DroneView, Operator, Vehicles};
use crate::supervision::Supervisor;

/// How often alerts and links are looked at: what changed is told at once, the rest when
/// its time has come.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How young a value of the board must be to be told.
const FRESH: Duration = Duration::from_secs(60);

/// How long an order waits to hear that a drone refuses it.
const ANSWERED_WITHIN: Duration = Duration::from_secs(2);

/// Orders that are carried out at the same time; more are ignored.
const MAX_ORDERS: usize = 8;

/// How long a goodbye may take when the gateway stops.
const LEAVE_WITHIN: Duration = Duration::from_millis(500);

/// What is told, and who hears of orders.
#[derive(Clone)]
pub(crate) struct PublisherInputs {
    /// Name of the gateway, and where its page is.
    pub(crate) gateway: (Arc<str>, Option<String>),
    pub(crate) vehicles: Vehicles,
    pub(crate) telemetry: Arc<Telemetry>,
    pub(crate) board: SourceId,
    pub(crate) alerts: Alerts,
    pub(crate) clock: Clock,
    pub(crate) audit: Audit,
    pub(crate) stop: CancellationToken,
}

/// Begins to tell the broker of `[mqtt]`, if there is one; its counters.
///
/// # Errors
/// What is wrong with the section.
pub(crate) fn start(
    config: &config::Mqtt,
    inputs: PublisherInputs,
    supervisor: &Supervisor,
    tasks: &mut JoinSet<()>,
) -> Result<Arc<Mqtt>, String> {
    let stats = Arc::new(Mqtt::default());
    let Some(broker) = Broker::parse(config, &inputs.gateway.0)? else {
        return Ok(stats);
    };
    stats.is_on.store(true, Relaxed);
    let (config, counted) = (config.clone(), stats.clone());
    // Nothing that it knows outlives a connection: it can be begun again after a fault.
    let body = move || {
        let publisher = Publisher {
            broker: broker.clone(),
            config: config.clone(),
            inputs: inputs.clone(),
            stats: counted.clone(),
            last: Last::default(),
            seen: RecentOrders::default(),
            orders: JoinSet::new(),
        };
        publisher.run()
    };
    tasks.spawn(supervisor.kept("values to the MQTT broker".into(), None, body));
    Ok(stats)
}

struct Publisher {
    broker: Broker,
    config: config::Mqtt,
    inputs: PublisherInputs,
    stats: Arc<Mqtt>,
    last: Last,
    seen: RecentOrders,
    orders: JoinSet<()>,
}

/// What the broker was told last.
#[derive(Default)]
struct Last {
    /// When all values were.
    values: Option<Mono>,
    /// The states of drones as far as they are told when they change.
    links: Vec<(bool, bool, bool)>,
    /// Version of the alerts.
    alerts: Option<u64>,
}

impl Publisher {
    async fn run(mut self) {
        let base = self.broker.base().to_owned();
        let gone = values::availability(&base, false);
        let mut session = match Session::open(&self.broker, &gone) {
            Ok(session) => session,
            Err(error) => {
                tracing::error!(%error, "no values to the MQTT broker");
                return;
            }
        };
        let stop = self.inputs.stop.clone();
        let mut tick = tokio::time::interval(LOOK_EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut is_connected = false;
        loop {
            tokio::select! {
                heard = session.next() => match heard {
                    None => return,
                    Some(SessionEvent::Connected) => {
                        is_connected = true;
                        self.last = Last::default();
                        self.introduce(&session);
                        self.look(&session);
                    }
                    Some(SessionEvent::Lost(reason)) => {
                        if is_connected || self.stats.lost.load(Relaxed) == 0 {
                            tracing::warn!(broker = ?self.broker, reason, "no connection to the MQTT broker");
                        }
                        is_connected = false;
                        self.stats.lost.fetch_add(1, Relaxed);
                    }
                    Some(message) => self.order(&session, &message),
                },
                _ = tick.tick(), if is_connected => self.look(&session),
                () = stop.cancelled() => {
                    session.tell(gone);
                    let _ = tokio::time::timeout(LEAVE_WITHIN, session.leave()).await;
                    // (The goodbye goes out while the other rooms stop.)
                    while let Ok(Some(_)) = tokio::time::timeout(LEAVE_WITHIN, session.next()).await {}
                    return;
                }
            }
            self.stats.connected.store(is_connected, Relaxed);
            while self.orders.try_join_next().is_some() {}
        }
    }

    /// What a broker that knows nothing of this gateway is told first.
    fn introduce(&self, session: &Session) {
        let (base, (name, page)) = (self.broker.base(), &self.inputs.gateway);
        let drones = self.inputs.vehicles.views();
        tracing::info!(broker = ?self.broker, "values go to the MQTT broker");
        self.tell(
            session,
            values::inventory(base, name, page.as_deref(), &drones),
        );
        if self.config.home_assistant {
            self.tell(
                session,
                home_assistant::gateway(base, name, page.as_deref()),
            );
            for drone in &drones {
                self.tell(
                    session,
                    home_assistant::drone(base, drone, self.config.commands),
                );
            }
        }
        if self.config.commands {
            session.listen(&format!("{base}/drones/+/command"));
        }
        // Last: who waits for it finds the rest.
        self.tell(session, values::availability(base, true));
    }

    /// Tells what has changed, and all of it when its time has come.
    fn look(&mut self, session: &Session) {
        let (base, now) = (self.broker.base().to_owned(), Mono::now());
        let every_s = self.config.readings_every_s;
        let every = Duration::from_secs(every_s.into());
        let is_time = self.last.values.is_none_or(|last| now.since(last) >= every);
        let drones = self.inputs.vehicles.views();
        let links = drones.iter().map(|drone| {
            let connected = drone.link == crate::sources::vehicles::LinkState::Connected;
            (connected, drone.airborne, drone.fresh)
        });
        let links: Vec<_> = links.collect();
        for (index, drone) in drones.iter().enumerate() {
            if is_time || self.last.links.get(index) != links.get(index) {
                self.tell(session, values::drone(&base, drone, every_s));
            }
        }
        self.last.links = links;
        if is_time {
            self.last.values = Some(now);
            self.tell(session, values::board(&base, &self.board(now), every_s));
        }
        let version = self.inputs.alerts.version();
        if self.last.alerts != Some(version) {
            self.last.alerts = Some(version);
            let filter = Filter {
                unresolved_only: true,
                ..Filter::default()
            };
            let alerts = self.inputs.alerts.list(&filter);
            let standing = alerts.iter().map(|alert| -> &Alert { alert });
            let standing = standing.filter(|alert| alert.cleared.is_none());
            self.tell(session, values::alerts(&base, standing));
        }
    }

    fn board(&self, now: Mono) -> Vec<(Metric, f64)> {
        let latest = Metric::ALL.iter().filter_map(|metric| {
            let latest = self.inputs.telemetry.latest(self.inputs.board, *metric)?;
            (now.since(latest.at) <= FRESH).then_some((*metric, latest.value))
        });
        latest.collect()
    }

    fn tell(&self, session: &Session, message: Message) {
        match session.tell(message) {
            true => self.stats.sent.fetch_add(1, Relaxed),
            false => self.stats.dropped.fetch_add(1, Relaxed),
        };
    }

    /// Carries out an order, or says why not.
    fn order(&mut self, session: &Session, message: &SessionEvent) {
        let SessionEvent::Message { topic, .. } = message else {
            return;
        };
        let drones = self.inputs.vehicles.views();
        let base = self.broker.base();
        let at =
            |drone: &&DroneView| *topic == format!("{}/command", values::topic_of(base, drone));
        let Some(drone) = drones.iter().find(at) else {
            self.stats.ignored.fetch_add(1, Relaxed);
            return;
        };
        let wall = WallClock {
            now_s: Timestamp::now().as_microsecond() as f64 / 1e6,
            is_wrong: (self.inputs.clock)() == Some(false),
        };
        let judged = judge(message, &mut self.seen, wall).and_then(|order| {
            match self.orders.len() < MAX_ORDERS {
                true => Ok(order),
                false => Err("too many orders at once"),
            }
        });
        let order = match judged {
            Ok(order) => order,
            Err(why) => {
                self.stats.ignored.fetch_add(1, Relaxed);
                (self.inputs.audit)(&format!(
                    "{}: an order by MQTT was ignored: {why}",
                    drone.id
                ));
                let answer = json!({ "id": null, "result": "ignored", "message": why });
                self.tell(session, outcome(base, drone, &answer));
                return;
            }
        };
        self.stats.taken.fetch_add(1, Relaxed);
        let (vehicles, audit) = (self.inputs.vehicles.clone(), self.inputs.audit.clone());
        let (drone_id, command) = (drone.id.clone(), order.command);
        let answers = session.sender();
        let (topic, id) = (outcome(base, drone, &json!({})).topic, order.id);
        self.orders.spawn(async move {
            // A broker says nothing of who it was: the order's own id does.
            let by = Operator {
                id: "mqtt".into(),
                name: format!("MQTT, order {id}").into(),
                session: None,
            };
            let given = vehicles.command(&drone_id, command, &by).await;
            let command_id = match &given {
                Ok(pending) => Some(pending.id()),
                Err(CommandError::Refused { id, .. }) => Some(*id),
                Err(CommandError::Unknown(_)) => None,
            };
            let command_id = command_id.map(|id| id.to_string());
            let told = command_id.as_deref().unwrap_or("none");
            let taken = format!("{drone_id}: {command} by MQTT, order {id}, command {told}");
            (audit)(&match &given {
                Ok(_) => taken,
                Err(error) => format!("{taken}, not taken: {error}"),
            });
            let (result, message) = match given {
                Err(error) => ("refused", error.to_string()),
                Ok(mut pending) => match pending.settled_within(ANSWERED_WITHIN).await {
                    None => ("sent", format!("{command} sent")),
                    Some(outcome) => {
                        let why = outcome.why().unwrap_or_else(|| format!("{command} done"));
                        ("ended", why)
                    }
                },
            };
            let answer = json!({
                "id": id,
                "command_id": command_id,
                "result": result,
                "message": message,
            });
            answers.tell(Message {
                topic,
                payload: answer.to_string().into(),
                class: OUTCOME,
            });
        });
    }
}

/// What came of an order, for whoever gave it.
const OUTCOME: Class = Class {
    acknowledged: false,
    retained: false,
    expires_s: Some(60),
};

fn outcome(base: &str, drone: &DroneView, answer: &serde_json::Value) -> Message {
    let topic = format!("{}/command/outcome", values::topic_of(base, drone));
    values::said(topic, answer, OUTCOME)
}
