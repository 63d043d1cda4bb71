//! The whole room over loopback sockets: simulated drones, foreign senders, a
//! port that is taken. Waits end on an event, with a generous limit.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};
use std::time::Duration;

use alerting::Condition;
use readings::{Metric, Reading, SourceId, Sources, SourcesFull};
use tokio::net::UdpSocket;
use tokio::sync::Notify;
use tokio::time::timeout;

use super::*;
use crate::config::{Drone, DroneMode};
use crate::sources::vehicles::Phase;

/// Keeps what comes out, and wakes who waits for it.
#[derive(Clone, Default)]
struct Record(Arc<Recorded>);

#[derive(Default)]
struct Recorded {
    sources: Sources,
    readings: Mutex<Vec<(SourceId, Metric, f64)>>,
    standing: Mutex<Vec<Condition>>,
    changed: Notify,
}

impl ReadingSink for Record {
    fn register(&self, name: &str, kind: SourceKind) -> Result<SourceId, SourcesFull> {
        self.0.sources.register(name, kind)
    }

    fn publish(&self, source: SourceId, readings: &[Reading]) {
        let mut all = self.0.readings.lock().expect("whole");
        all.extend(
            readings
                .iter()
                .map(|reading| (source, reading.metric, reading.value)),
        );
        self.0.changed.notify_one();
    }

    fn raise(&self, condition: Condition) {
        self.0.standing.lock().expect("whole").push(condition);
        self.0.changed.notify_one();
    }

    fn clear(&self, key: &'static str, subject: &str) {
        self.0
            .standing
            .lock()
            .expect("whole")
            .retain(|condition| condition.key != key || &*condition.subject != subject);
        self.0.changed.notify_one();
    }
}

impl Record {
    async fn until<T>(&self, mut look: impl FnMut(&Recorded) -> Option<T>) -> T {
        let wait = async {
            loop {
                let changed = self.0.changed.notified();
                if let Some(found) = look(&self.0) {
                    return found;
                }
                changed.await;
            }
        };
        timeout(Duration::from_secs(30), wait)
            .await
            .expect("it happens")
    }

    async fn condition(&self, key: &str) -> Condition {
        self.until(|recorded| {
            let standing = recorded.standing.lock().expect("whole");
            standing
                .iter()
                .find(|condition| condition.key == key)
                .cloned()
        })
        .await
    }

    async fn no_condition(&self, key: &str) {
        self.until(|recorded| {
            let standing = recorded.standing.lock().expect("whole");
            standing
                .iter()
                .all(|condition| condition.key != key)
                .then_some(())
        })
        .await;
    }
}

fn drone(id: &str, mode: DroneMode, at: SocketAddr) -> Drone {
    Drone {
        id: id.to_owned(),
        name: None,
        mode: Some(mode),
        address: Some(at.ip()),
        command_port: Some(at.port()),
        interface: None,
        serial: None,
        down: None,
        limits: Default::default(),
    }
}

fn config(drone: Vec<Drone>) -> Drones {
    Drones {
        bind: Ipv4Addr::LOCALHOST.into(),
        state_port: 0,
        video_port: 0,
        lost_after_s: 1.0,
        drone,
        ..Drones::default()
    }
}

/// A simulated drone at `ip` with a free port, sending its state to `state_port`.
fn simulated(ip: [u8; 4], state_port: u16, options: tello_simulator::Options) -> SimulatedDrone {
    let options = tello_simulator::Options {
        state_port,
        ..options
    };
    SimulatedDrone::start(SocketAddr::new(IpAddr::from(ip), 0), options).expect("a free port")
}

/// A port nobody listens on, under the range from which the kernel gives ports to
/// the other tests' sockets, and never given twice by this process.
async fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    loop {
        let offset = std::process::id() as u16 % 8_000 + NEXT.fetch_add(1, Relaxed);
        let port = 20_000 + offset % 12_000;
        if UdpSocket::bind(("0.0.0.0", port)).await.is_ok() {
            return port;
        }
    }
}

#[tokio::test]
async fn simulated_drones_are_connected_and_give_readings() {
    let record = Record::default();
    let port = free_port().await;
    let low = simulated([127, 0, 0, 101], port, tello_simulator::Options::varied(1));
    let hot = simulated([127, 0, 0, 102], port, tello_simulator::Options::varied(2));
    let drones = vec![
        drone("low", DroneMode::Simulation, low.address()),
        drone("hot", DroneMode::Simulation, hot.address()),
    ];
    let config = Drones {
        state_port: port,
        ..config(drones)
    };
    let fleet = Fleet::start(&config, record.clone(), FleetOptions::default()).expect("starts");
    let (low_id, hot_id) = (fleet.source("low"), fleet.source("hot"));
    record
        .until(|recorded| {
            let readings = recorded.readings.lock().expect("whole");
            let low = readings.contains(&(low_id, Metric::BatteryLevel, 15.0));
            let hot = readings.contains(&(hot_id, Metric::DroneTemperature, 93.0));
            (low && hot && fleet.connected() == 2).then_some(())
        })
        .await;
    let view = fleet.drone("low").expect("configured");
    assert_eq!(
        (view.link, view.simulated, view.battery_pct),
        (LinkState::Connected, true, Some(15))
    );
    assert!(view.last_seen.is_some() && view.reason.is_none() && !view.airborne);
    assert!(
        fleet
            .stats()
            .drones
            .iter()
            .all(|drone| drone.state.malformed == 0 && drone.commands.attempts == 1)
    );

    low.impair(tello_simulator::Impairment {
        frozen: true,
        ..tello_simulator::Impairment::default()
    });
    let lost = record.condition("drone_silent").await;
    assert_eq!((&*lost.subject, lost.title), ("low", "Drone lost"));
    assert!(lost.message.contains("no state for"), "{}", lost.message);
    assert_eq!(
        fleet.drone("low").map(|drone| drone.link),
        Some(LinkState::Lost)
    );
    low.impair(tello_simulator::Impairment::default());
    record.no_condition("drone_silent").await;
    assert_eq!(fleet.connected(), 2);
    fleet.stop().await;
    UdpSocket::bind(("127.0.0.1", port))
        .await
        .expect("the port is free again");
}

#[tokio::test]
async fn a_simulated_drone_without_an_address_is_started_by_the_fleet() {
    let record = Record::default();
    let own = Drone {
        address: None,
        ..drone(
            "own",
            DroneMode::Simulation,
            "127.0.0.1:1".parse().expect("an address"),
        )
    };
    let own = Drone {
        command_port: Some(free_port().await),
        ..own
    };
    // A real one flew under its id before: this one begins on the ground all the same.
    let dir = tempfile::tempdir().expect("a directory");
    let flew = r#"{"version":1,"entries":[{"drone":"own","boot":"before","took_off_ms":0,"battery_pct":90}]}"#;
    std::fs::write(dir.path().join("flights.json"), flew).expect("written");
    let options = FleetOptions {
        state_dir: Some(dir.path().to_owned()),
        ..FleetOptions::default()
    };
    let fleet = Fleet::start(&config(vec![own]), record.clone(), options).expect("starts");
    assert_eq!(fleet.drones()[0].flight.phase, Phase::Landed);
    record
        .until(|recorded| {
            let readings = recorded.readings.lock().expect("whole");
            readings
                .iter()
                .any(|(_, metric, value)| *metric == Metric::BatteryLevel && *value == 100.0)
                .then_some(())
        })
        .await;
    assert!(fleet.drones()[0].simulated);
    fleet.stop().await;
}

#[tokio::test]
async fn foreign_and_malformed_datagrams_are_counted_and_harm_nothing() {
    let record = Record::default();
    let real = UdpSocket::bind("127.0.0.103:0").await.expect("free");
    let foreign = UdpSocket::bind("127.0.0.104:0").await.expect("free");
    let drones = vec![drone(
        "real",
        DroneMode::Real,
        real.local_addr().expect("bound"),
    )];
    let fleet =
        Fleet::start(&config(drones), record.clone(), FleetOptions::default()).expect("starts");
    let to = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), fleet.state_port());
    foreign.send_to(b"bat:1;", to).await.expect("sent");
    let long = [b'9'; 3000];
    for datagram in [
        &b"\xCC\x18\x01"[..],
        b"ok",
        b"bat:8",
        &long,
        b"bat:-14943;h:0;",
        b"bat:42;h:0;",
    ] {
        real.send_to(datagram, to).await.expect("sent");
    }
    record
        .until(|recorded| {
            let readings = recorded.readings.lock().expect("whole");
            readings
                .iter()
                .any(|(_, metric, value)| *metric == Metric::BatteryLevel && *value == 42.0)
                .then_some(())
        })
        .await;
    let batteries: Vec<f64> = {
        let readings = record.0.readings.lock().expect("whole");
        readings
            .iter()
            .filter(|(_, metric, _)| *metric == Metric::BatteryLevel)
            .map(|(_, _, value)| *value)
            .collect()
    };
    assert_eq!(batteries, [42.0]);
    let stats = fleet.stats();
    assert_eq!(stats.state_ports[0].foreign, 1);
    assert_eq!(
        (
            stats.drones[0].state.datagrams,
            stats.drones[0].state.malformed
        ),
        (6, 5)
    );
    assert!(!fleet.drones()[0].simulated);
    fleet.stop().await;
}

#[tokio::test]
async fn a_taken_port_is_an_alert_that_names_the_holder_and_ends_when_it_is_free() {
    let record = Record::default();
    let rival = UdpSocket::bind("127.0.0.1:0").await.expect("free");
    let port = rival.local_addr().expect("bound").port();
    let drones = vec![drone(
        "a",
        DroneMode::Real,
        "127.0.0.105:9".parse().expect("an address"),
    )];
    let config = Drones {
        state_port: port,
        ..config(drones)
    };
    // The same port of another address is nobody's fault.
    let options = FleetOptions {
        port_holder: |at| {
            at.ip()
                .is_loopback()
                .then(|| "pid 4711 (python3)".to_owned())
        },
        ..FleetOptions::default()
    };
    let fleet = Fleet::start(&config, record.clone(), options).expect("starts all the same");
    let condition = record.condition("state_port_unavailable").await;
    let expected =
        format!("UDP {port} is taken by pid 4711 (python3); stop it or set drones.state_port");
    assert_eq!(condition.message, expected);
    assert!(!fleet.stats().state_ports[0].bound);
    drop(rival);
    record.no_condition("state_port_unavailable").await;
    assert!(fleet.stats().state_ports[0].bound);
    fleet.stop().await;
}

#[tokio::test]
async fn what_was_observed_is_in_the_alert_about_a_silent_drone() {
    let record = Record::default();
    let says_ok = UdpSocket::bind("127.0.0.106:0").await.expect("free");
    let nothing_there = SocketAddr::new([127, 0, 0, 107].into(), free_port().await);
    let drones = vec![
        drone(
            "mute",
            DroneMode::Real,
            says_ok.local_addr().expect("bound"),
        ),
        drone("absent", DroneMode::Real, nothing_there),
    ];
    let fleet =
        Fleet::start(&config(drones), record.clone(), FleetOptions::default()).expect("starts");
    tokio::spawn(async move {
        let mut buffer = [0; 64];
        while let Ok((_, from)) = says_ok.recv_from(&mut buffer).await {
            let _ = says_ok.send_to(b"ok", from).await;
        }
    });
    let (mute, absent) = record
        .until(|recorded| {
            let standing = recorded.standing.lock().expect("whole");
            let of = |id: &str| {
                standing
                    .iter()
                    .find(|condition| &*condition.subject == id)
                    .cloned()
            };
            Some((of("mute")?, of("absent")?))
        })
        .await;
    assert!(mute.message.contains("answers `ok`"), "{}", mute.message);
    assert!(
        absent.message.contains("nothing listens on UDP"),
        "{}",
        absent.message
    );
    fleet.disconnect("mute").expect("known");
    assert!(fleet.disconnect("nobody").is_err());
    record
        .until(|recorded| {
            let standing = recorded.standing.lock().expect("whole");
            standing
                .iter()
                .all(|condition| &*condition.subject != "mute")
                .then_some(())
        })
        .await;
    fleet.stop().await;
}

#[tokio::test]
async fn a_drone_named_by_its_interface_is_heard_beside_one_told_by_address() {
    let record = Record::default();
    let port = free_port().await;
    let first = simulated([127, 0, 0, 108], port, tello_simulator::Options::varied(1));
    let second = simulated([127, 0, 0, 109], port, tello_simulator::Options::default());
    let on_lo = Drone {
        interface: Some("lo".to_owned()),
        ..drone("on_lo", DroneMode::Simulation, first.address())
    };
    let absent = Drone {
        interface: Some("nowhere0".to_owned()),
        ..drone("absent", DroneMode::Real, first.address())
    };
    let drones = vec![
        on_lo,
        drone("anywhere", DroneMode::Simulation, second.address()),
        absent,
    ];
    let config = Drones {
        state_port: port,
        ..config(drones)
    };
    let fleet = Fleet::start(&config, record.clone(), FleetOptions::default()).expect("starts");
    record
        .until(|_| (fleet.connected() == 2).then_some(()))
        .await;
    let missing = record.condition("state_port_unavailable").await;
    assert_eq!(&*missing.subject, "board/nowhere0");
    assert!(
        missing.message.contains("nowhere0 is not there"),
        "{}",
        missing.message
    );
    assert_eq!(
        fleet
            .stats()
            .state_ports
            .iter()
            .filter(|port| port.bound)
            .count(),
        2
    );
    let views = fleet.drones();
    assert_eq!(views[0].battery_pct, Some(15));
    assert_eq!(views[2].link, LinkState::Connecting);
    fleet.stop().await;
}

#[tokio::test]
async fn a_link_that_ends_refuses_at_once_and_is_begun_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let (store, _) = store::Store::open(dir.path()).expect("store");
    let journal = crate::alerts::StoreJournal::of(store);
    let sources = Arc::new(Sources::default());
    let alerts = alerting::Alerts::start(&alerting::Config::default(), sources, journal);
    let stop = CancellationToken::new();
    let supervisor = Supervisor::new(alerts.expect("alerts"), stop.clone());
    let record = Record::default();
    let port = free_port().await;
    let real = simulated([127, 0, 0, 107], port, tello_simulator::Options::varied(0));
    let config = Drones {
        state_port: port,
        ..config(vec![drone("d1", DroneMode::Simulation, real.address())])
    };
    let options = FleetOptions {
        supervisor: Some(supervisor.clone()),
        ..FleetOptions::default()
    };
    let fleet = Fleet::start(&config, record.clone(), options).expect("starts");
    let connected = || record.until(|_| (fleet.connected() == 1).then_some(()));
    connected().await;

    // In real time: sockets know no other. It is begun again after a second.
    let until = async |down: bool| {
        while supervisor.down().is_empty() == down {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    supervisor.kill("drone link");
    timeout(Duration::from_secs(30), until(true))
        .await
        .expect("down");
    let by = Operator {
        id: "key".into(),
        name: "Tablet".into(),
        session: None,
    };
    let refused = fleet.command("d1", Command::Takeoff, &by).await;
    assert!(
        matches!(
            refused,
            Err(CommandError::Refused {
                why: Refusal::Stopping,
                ..
            })
        ),
        "{refused:?}"
    );
    timeout(Duration::from_secs(30), until(false))
        .await
        .expect("up");
    connected().await;
    let taken = fleet.command("d1", Command::Takeoff, &by).await;
    assert!(taken.is_ok(), "{taken:?}");
    stop.cancel();
    fleet.stop().await;
}
