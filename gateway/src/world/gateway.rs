//! One gateway of the world: the process, as `app` starts it, as far as it flies drones.
//!
//! Its rooms are those of production: fleet, links, command executor and guard, safety,
//! rules and the committer of alerts. Only the sockets, the medium and the clock are the
//! world's.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use alerting::{AlertEvent, AlertType, Alerts, Condition, Filter, Level, RuleText};
use readings::clock::{Mono, sleep};
use readings::command::BootId;
use readings::event::{Event, EventLog};
use readings::telemetry::Telemetry;
use readings::virtual_time::{self, VirtualTime};
use readings::{BOARD, Metric, Reading, SourceId, SourceKind, Sources};
use tello::command::Command;
use tokio::sync::broadcast;
use tokio_util::sync::CancellationToken;

use super::board::Board;
use super::scene::Scene;
use super::tasks::Tasks;
use crate::config::{Bridge, Drone, DroneMode, Drones, FlightLimits};
use crate::safety::{Safety, SafetyTask};
use crate::sources::bridge::StopInputs as _;
use crate::sources::sink::{Pipeline, ReadingSink as _};
use crate::sources::tello::world::WorldFleet;
use crate::sources::tello::{FleetOptions, Serials};
use crate::sources::vehicles::{CommandError, Controls, Operator, Vehicles};

/// Flyers of one gateway.
pub(super) const FLYERS: usize = 2;

/// How often a page says that somebody looks at it.
const SAYS_EVERY: Duration = Duration::from_secs(1);

/// The bridge with the emergency stop.
pub(super) const BRIDGE: &str = "mast";

/// The rule that acts.
const WINDY: &str = "Windy";
const WIND_C: f64 = 60.0;

/// Address of drone `index` in the configuration.
pub(super) fn drone_address(index: usize) -> IpAddr {
    Ipv4Addr::new(192, 168, 10, 101 + index as u8).into()
}

/// Address of gateway `index`.
pub(super) fn gateway_address(index: usize) -> IpAddr {
    Ipv4Addr::new(192, 168, 10, 2 + index as u8).into()
}

/// Id of drone `index`.
pub(super) fn drone_id(index: usize) -> Arc<str> {
    format!("d{}", index + 1).into()
}

/// A person at a page.
pub(super) struct Flyer {
    pub(super) operator: Operator,
    /// Whether the page speaks.
    pub(super) speaks: Arc<AtomicBool>,
    /// When it last did, in ms of the world; 0: never.
    pub(super) said_ms: Arc<AtomicU64>,
}

/// What came of a wish that somebody gave.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    /// Not taken, and why.
    Refused(String),
    /// Taken, and over: what came of it is in the events.
    Ended,
}

/// A wish, and what has come of it.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    pub(super) flyer: usize,
    pub(super) drone: usize,
    pub(super) command: Command,
    pub(super) at_ms: u64,
    pub(super) is_taken: bool,
    pub(super) answer: Option<Answer>,
}

/// The process.
pub(super) struct Gateway {
    pub(super) began_ms: u64,
    pub(super) fleet: WorldFleet,
    pub(super) vehicles: Vehicles,
    pub(super) safety: Safety,
    pub(super) alerts: Alerts,
    pub(super) flyers: Vec<Flyer>,
    pub(super) wishes: Arc<Mutex<Vec<Wish>>>,
    /// Alerts whose acknowledgement was answered with yes.
    pub(super) acknowledged: Arc<Mutex<Vec<u64>>>,
    /// Listeners for what it tells.
    pub(super) events: broadcast::Receiver<Arc<Event>>,
    pub(super) raised: broadcast::Receiver<AlertEvent>,
    log: EventLog,
    pipeline: Pipeline,
    board_source: SourceId,
    tasks: Tasks,
}

impl Gateway {
    /// Starts it on `board`, which holds what an earlier run left.
    pub(super) fn start(scene: &Scene, board: &Board, is_pressed: bool, now_ms: u64) -> Gateway {
        virtual_time::set(Some(VirtualTime {
            now_ms,
            began_ms: now_ms,
        }));
        let mut tasks = Tasks::default();
        let drones = drones(scene);
        let sources = Arc::new(Sources::default());
        let board_source = sources.register(BOARD, SourceKind::Board).expect("room");
        let telemetry = Arc::new(Telemetry::new(sources.clone()));
        let config = alerting::Config {
            rule: vec![windy()],
            ..alerting::Config::default()
        };
        let (alerts, committer) =
            Alerts::prepare(&config, sources.clone(), board.alerts.clone()).expect("valid");
        tasks.spawn("committer", committer);
        let log = EventLog::new(BootId(now_ms), "world".into(), Box::new(|| None));
        let safety = Safety::kept_in(
            &drones,
            crate::state_file::StateFile::in_memory(board.latches.clone()),
        );
        alerts.set_actor(Arc::new(safety.clone()));
        let pipeline = Pipeline::new(sources, telemetry, alerts.clone()).with_events(log.clone());
        let controls = Controls::default();
        let options = FleetOptions {
            controls: controls.clone(),
            events: log.clone(),
            serials: Serials::default(),
            takeoff_hold: Arc::new(safety.clone()),
            ..FleetOptions::default()
        };
        let flights = crate::state_file::StateFile::in_memory(board.flights.clone());
        let sink = Arc::new(pipeline.clone());
        let (fleet, of_fleet) =
            WorldFleet::start(&drones, sink, options, flights).expect("a good configuration");
        for (name, task) in of_fleet {
            tasks.spawn(name, task);
        }
        let vehicles = Vehicles::new(vec![Arc::new(fleet.fleet.clone())], controls.clone());
        let stop = CancellationToken::new();
        let acting = SafetyTask {
            safety: safety.clone(),
            vehicles: vehicles.clone(),
            sink: pipeline.clone(),
            events: log.clone(),
        };
        tasks.spawn("safety", acting.run(stop.clone()));
        tasks.spawn(
            "latches",
            safety.clone().keep_latches(pipeline.clone(), stop),
        );
        tasks.spawn("rule clock", tick(alerts.clone()));
        safety.bridges(&[bridge()]);
        safety.stop_input(BRIDGE, Some(is_pressed));
        alerts.rules_complete();
        let flyers = (0..FLYERS)
            .map(|flyer| Flyer::open(flyer, &controls, &mut tasks))
            .collect();
        Gateway {
            began_ms: now_ms,
            events: log.subscribe(),
            raised: alerts.subscribe(),
            fleet,
            vehicles,
            safety,
            alerts,
            flyers,
            wishes: Arc::default(),
            acknowledged: Arc::default(),
            log,
            pipeline,
            board_source,
            tasks,
        }
    }

    /// Its clocks are those of this thread from now on.
    pub(super) fn enter(&self, now_ms: u64) {
        virtual_time::set(Some(self.time(now_ms)));
    }

    fn time(&self, now_ms: u64) -> VirtualTime {
        VirtualTime {
            now_ms,
            began_ms: self.began_ms,
        }
    }

    /// Runs its tasks until all wait.
    pub(super) fn run(&mut self, now_ms: u64) {
        let time = self.time(now_ms);
        self.tasks.run(time);
    }

    /// When one of its tasks sleeps no longer.
    pub(super) fn wake_ms(&self) -> Option<u64> {
        self.tasks.wake_ms()
    }

    /// Names of tasks that ended, which should not.
    pub(super) fn ended(&self) -> impl Iterator<Item = &'static str> {
        let ended = self.tasks.ended.iter().copied();
        ended.filter(|name| *name != "wish")
    }

    /// A datagram of drone `index` came.
    pub(super) fn hear(&self, address: IpAddr, bytes: &[u8]) {
        self.fleet
            .hear(bytes, SocketAddr::new(address, tello::COMMAND_PORT));
    }

    /// Somebody wishes something of a drone.
    pub(super) fn wish(&mut self, flyer: usize, drone: usize, command: Command, now_ms: u64) {
        let place = {
            let mut wishes = self.wishes.lock().unwrap_or_else(PoisonError::into_inner);
            wishes.push(Wish {
                flyer,
                drone,
                command,
                at_ms: now_ms,
                is_taken: false,
                answer: None,
            });
            wishes.len() - 1
        };
        let (vehicles, wishes) = (self.vehicles.clone(), self.wishes.clone());
        let by = self.flyers[flyer].operator.clone();
        let note = move |is_taken, answer| {
            let mut wishes = wishes.lock().unwrap_or_else(PoisonError::into_inner);
            wishes[place].is_taken = is_taken;
            wishes[place].answer = answer;
        };
        self.tasks.spawn("wish", async move {
            match vehicles.command(&drone_id(drone), command, &by).await {
                Ok(pending) => {
                    note(true, None);
                    pending.settled().await;
                    note(true, Some(Answer::Ended));
                }
                Err(CommandError::Refused { why, .. }) => {
                    note(false, Some(Answer::Refused(why.to_string())));
                }
                Err(unknown) => note(false, Some(Answer::Refused(unknown.to_string()))),
            }
        });
    }

    /// A frame of the sticks.
    pub(super) fn sticks(&self, flyer: usize, drone: usize, axes: [i8; 4]) {
        let by = &self.flyers[flyer].operator;
        // What is not taken is told in the next frame: nobody reads it here.
        let _ = self.vehicles.sticks(&drone_id(drone), axes, by);
    }

    pub(super) fn take_control(&self, flyer: usize, drone: usize) {
        let by = &self.flyers[flyer].operator;
        let _ = self
            .vehicles
            .controls()
            .take(&drone_id(drone), by, Mono::now());
    }

    pub(super) fn give_control(&self, flyer: usize, drone: usize) {
        let by = &self.flyers[flyer].operator;
        let _ = self
            .vehicles
            .controls()
            .give(&drone_id(drone), by, Mono::now());
    }

    /// What the rule with an action looks at becomes bad, or good.
    pub(super) fn wind(&self, is_bad: bool) {
        let celsius = if is_bad { WIND_C + 5.0 } else { WIND_C - 20.0 };
        let reading = Reading::plausible(Metric::Temperature, celsius);
        // Twice, as no rule acts by one sample.
        for _ in 0..2 {
            self.pipeline.publish(self.board_source, reading.as_slice());
        }
    }

    /// Acknowledges every alert there is.
    pub(super) fn acknowledge_all(&mut self) {
        for alert in self.alerts.list(&Filter::default()) {
            let (alerts, acknowledged) = (self.alerts.clone(), self.acknowledged.clone());
            self.tasks.spawn("wish", async move {
                if let Ok(alert) = alerts.acknowledge(&alert.id, "ann").await {
                    let mut all = acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
                    all.push(alert.seq);
                }
            });
        }
    }

    pub(super) fn veto(&self, drone: usize) {
        let by = "ann".into();
        self.safety
            .veto(&drone_id(drone), &by, &self.log, &self.alerts);
    }

    /// Raises alerts about the first drone, one after the other; for a sabotage.
    pub(super) fn storm(&self, number: u64) {
        const KEYS: [&str; 25] = [
            "storm1", "storm2", "storm3", "storm4", "storm5", "storm6", "storm7", "storm8",
            "storm9", "storm10", "storm11", "storm12", "storm13", "storm14", "storm15", "storm16",
            "storm17", "storm18", "storm19", "storm20", "storm21", "storm22", "storm23", "storm24",
            "storm25",
        ];
        self.pipeline.raise(Condition {
            key: KEYS[number as usize % KEYS.len()],
            subject: drone_id(0),
            level: Level::Info,
            alert_type: AlertType::Drone,
            title: "Storm",
            message: String::new(),
            details: None,
        });
    }

    /// Begins a task that ends; for a sabotage.
    pub(super) fn end_a_task(&mut self) {
        self.tasks.spawn("sabotaged", async {});
    }
}

impl Flyer {
    fn open(number: usize, controls: &Controls, tasks: &mut Tasks) -> Flyer {
        let key: Arc<str> = format!("key{number}").into();
        let presence = controls.presences().open(&key, None, Mono::now());
        let operator = Operator {
            id: key.clone(),
            name: key,
            session: Some(presence.id()),
        };
        let speaks = Arc::new(AtomicBool::new(true));
        let said_ms = Arc::new(AtomicU64::new(0));
        let (says, said) = (speaks.clone(), said_ms.clone());
        tasks.spawn("page", async move {
            loop {
                if says.load(Relaxed) {
                    presence.say(Mono::now());
                    said.store(virtual_time::here().map_or(0, |time| time.now_ms), Relaxed);
                }
                sleep(SAYS_EVERY).await;
            }
        });
        Flyer {
            operator,
            speaks,
            said_ms,
        }
    }
}

async fn tick(alerts: Alerts) {
    loop {
        alerts.tick(Mono::now());
        sleep(Duration::from_secs(1)).await;
    }
}

fn drones(scene: &Scene) -> Drones {
    let drone = |index: usize| Drone {
        id: drone_id(index).to_string(),
        name: None,
        mode: Some(DroneMode::Real),
        address: Some(drone_address(index)),
        command_port: None,
        interface: None,
        serial: None,
        down: None,
        limits: FlightLimits::default(),
    };
    Drones {
        on_operator_loss: scene.on_operator_loss,
        operator_grace_s: scene.grace_s as f64,
        down: scene.down,
        limits: FlightLimits {
            land_height_cm: scene.limit_cm,
            ..FlightLimits::default()
        },
        drone: (0..scene.drones.len()).map(drone).collect(),
        ..Drones::default()
    }
}

fn windy() -> RuleText {
    RuleText {
        action: Some("land".to_owned()),
        source: Some(BOARD.to_owned()),
        drones: vec![drone_id(0).to_string()],
        ..RuleText::new(WINDY, Metric::Temperature, ">", WIND_C, "warning")
    }
}

fn bridge() -> Bridge {
    let text = format!("name = \"{BRIDGE}\"\nselector = \"2e8a:000a\"\n");
    toml::from_str(&text).expect("a bridge")
}
