//! The host link against simulated boards on real pseudo-terminals: readings,
//! events, commands, unplugging, garbage, two links at once.
//!
//! Waiting is by message with a generous limit, after which a test fails; no
//! test asserts how long anything took.
#![cfg(feature = "host")]
#![expect(
    clippy::disallowed_methods,
    reason = "real time, on threads of its own"
)]

use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use firmware_bridge::host::{
    BoardDescription, HostLink, LinkConfig, LinkEvent, LinkHandle, LinkState, LinkStats,
    LostReason, Port, PortSelector,
};
use firmware_bridge::mcu::Indication;
use firmware_bridge::message::{Event, IndicatorLevel, Setting};
use firmware_bridge::peer::PtyPeer;
use firmware_bridge::sensor::Fault;

/// Only a broken link is ever this slow.
const LIMIT: Duration = Duration::from_secs(20);

struct Watched {
    link: LinkHandle,
    events: Receiver<LinkEvent>,
}

impl Watched {
    fn spawn(path: &Path) -> Self {
        Self::spawn_among(vec![path.to_path_buf()])
    }

    /// A link whose selector names all of these.
    fn spawn_among(paths: Vec<PathBuf>) -> Self {
        Self::spawn_where(move || paths.clone())
    }

    /// A link whose selector names what is there at each look.
    fn spawn_where(ports: impl FnMut() -> Vec<PathBuf> + Send + 'static) -> Self {
        let (sender, events) = channel();
        let config = LinkConfig::new(PortSelector::Serial("any".to_owned()));
        let sink = move |event| {
            // The test may be over already.
            let _ = sender.send(event);
        };
        let link = HostLink::spawn_among(config, ports, sink).expect("a thread");
        Self { link, events }
    }

    /// The first event from now on that `wanted` makes something of.
    fn until<T>(&self, what: &str, mut wanted: impl FnMut(LinkEvent) -> Option<T>) -> T {
        let mut seen = Vec::new();
        let deadline = Instant::now() + LIMIT;
        loop {
            // The rest of the limit, not a new one with every reading.
            let left = deadline.saturating_duration_since(Instant::now());
            match self.events.recv_timeout(left) {
                Ok(event) => {
                    seen.push(format!("{event:?}"));
                    if let Some(found) = wanted(event) {
                        return found;
                    }
                }
                Err(error) => panic!("{what}: {error}; {:?}; seen: {seen:#?}", self.link.stats()),
            }
        }
    }

    fn board(&self) -> Arc<BoardDescription> {
        self.until("connection", |event| match event {
            LinkEvent::Connected { board } => Some(board),
            _ => None,
        })
    }

    fn lost(&self) -> LostReason {
        self.until("loss", |event| match event {
            LinkEvent::Lost { reason, .. } => Some(reason),
            _ => None,
        })
    }

    fn event(&self) -> Event {
        self.until("event", |event| match event {
            LinkEvent::Event { event, .. } => Some(event),
            _ => None,
        })
    }

    fn reading_of(&self, wanted: u8) -> f32 {
        self.until("reading", |event| match event {
            LinkEvent::Reading { sensor, value, .. } if sensor == wanted => Some(value),
            _ => None,
        })
    }

    /// Waits for the statistics to say something; readings keep this moving.
    fn until_stats(&self, what: &str, wanted: impl Fn(&LinkStats) -> bool) {
        self.until(what, |_| wanted(&self.link.stats()).then_some(()));
    }
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn name(folder: &tempfile::TempDir) -> PathBuf {
    folder.path().join("usb-board-if00")
}

#[test]
fn a_board_connects_and_its_readings_arrive_in_its_units() {
    let peer = PtyPeer::plug_in(None, 1).expect("a pseudo-terminal");
    let watched = Watched::spawn(peer.path());
    let board = watched.board();
    assert_eq!(board.greeting.board.as_str(), "simulated");
    let names: Vec<_> = board.sensors.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(
        names,
        ["battery_voltage", "battery_current", "board_temperature"]
    );

    peer.controls().set_value(0, Some(Ok(11.25)));
    watched.until("the set value", |event| {
        matches!(
            event,
            LinkEvent::Reading {
                sensor: 0,
                value: 11.25,
                ..
            }
        )
        .then_some(())
    });
    // Broken wire: a fault with a reason, never a number.
    peer.controls().set_value(0, Some(Ok(99.0)));
    watched.until("the fault", |event| {
        let fault = Fault::OutOfRange;
        matches!(event, LinkEvent::Fault { sensor: 0, fault: f, .. } if f == fault).then_some(())
    });
    watched.until_stats("a round trip", |stats| stats.round_trip_us.is_some());
    let stats = watched.link.stats();
    assert_eq!(stats.state, LinkState::Live);
    assert_eq!(stats.receive.lost, 0);
    assert_eq!(stats.receive.frame.crc_errors, 0);
    watched.link.stop();
    let last = watched.events.into_iter().last();
    let Some(LinkEvent::Lost { reason, port }) = last else {
        panic!("{last:?}");
    };
    assert_eq!(reason, LostReason::Stopped);
    assert_eq!(port.as_deref(), peer.path().to_str());
}

#[test]
fn events_and_logs_arrive() {
    let peer = PtyPeer::plug_in(None, 1).expect("a pseudo-terminal");
    let watched = Watched::spawn(peer.path());
    watched.board();
    // The state behind the events is told once after connecting.
    assert_eq!(watched.event(), Event::EmergencyStop { engaged: false });
    peer.controls()
        .happen(Event::EmergencyStop { engaged: true });
    assert_eq!(watched.event(), Event::EmergencyStop { engaged: true });
    peer.controls().happen(Event::Button {
        index: 1,
        pressed: true,
    });
    assert_eq!(
        watched.event(),
        Event::Button {
            index: 1,
            pressed: true
        }
    );
    peer.controls().log("hello from the board");
    watched.until("the log record", |event| {
        matches!(&event, LinkEvent::Log { text, .. } if text.as_str() == "hello from the board")
            .then_some(())
    });
}

#[test]
fn wishes_reach_the_board_and_are_kept_over_a_replug() {
    let folder = folder();
    let peer = PtyPeer::plug_in(Some(&name(&folder)), 1).expect("a pseudo-terminal");
    let watched = Watched::spawn(peer.path());
    watched.link.set_indicator(IndicatorLevel::Critical);
    watched.link.set_rate(2, 50).expect("room");
    watched.link.configure(Setting::Buzzer, 0).expect("room");
    watched.board();
    let critical = Some(IndicatorLevel::Critical);
    watched.until_stats("indicator", |stats| stats.indicator == critical);
    watched.until_stats("answers", |stats| stats.commands_done == 2);
    let shown = Indication::Level(IndicatorLevel::Critical);
    assert_eq!(peer.controls().indication(), Some(shown));

    // The new board knows nothing of it, and is told again: only the wishes
    // that last, not the one-shot command.
    peer.unplug();
    let peer = PtyPeer::plug_in(Some(&name(&folder)), 2).expect("a pseudo-terminal");
    watched.board();
    watched.until_stats("indicator again", |stats| stats.indicator == critical);
    watched.until_stats("rate again", |stats| stats.commands_done == 3);
    drop(peer);
}

#[test]
fn a_command_the_board_refuses_is_counted() {
    // Fails when the count does not come in time.
    let peer = PtyPeer::plug_in(None, 1).expect("a pseudo-terminal");
    let watched = Watched::spawn(peer.path());
    watched.board();
    watched.link.configure(Setting::LogLevel, 77).expect("room");
    watched.until_stats("refusal", |stats| stats.commands_failed == 1);
}

#[test]
fn unplugged_is_a_reason_and_replugging_connects_again() {
    let folder = folder();
    let watched = Watched::spawn(&name(&folder));
    assert_eq!(watched.lost(), LostReason::NotFound);
    for boot in 0..10 {
        let peer = PtyPeer::plug_in(Some(&name(&folder)), boot).expect("a pseudo-terminal");
        assert_eq!(watched.board().greeting.boot, boot);
        watched.reading_of(2);
        peer.unplug();
        assert_eq!(watched.lost(), LostReason::Unplugged);
    }
    assert_eq!(watched.link.stats().connected, 10);
}

#[test]
fn a_port_held_by_another_program_is_busy() {
    let peer = PtyPeer::plug_in(None, 1).expect("a pseudo-terminal");
    let holder = Port::open(peer.path(), 115_200).expect("free");
    let watched = Watched::spawn(peer.path());
    assert_eq!(watched.lost(), LostReason::Busy);
    drop(holder);
    watched.board();
}

#[test]
fn a_frozen_board_falls_silent_and_comes_back() {
    let peer = PtyPeer::plug_in(None, 1).expect("a pseudo-terminal");
    let watched = Watched::spawn(peer.path());
    watched.board();
    peer.controls().pause(true);
    assert_eq!(watched.lost(), LostReason::Silent);
    peer.controls().pause(false);
    watched.board();
    watched.reading_of(0);
}

#[test]
fn a_port_without_a_board_says_so() {
    let (_master, slave) = serialport::TTYPort::pair().expect("a pseudo-terminal");
    let path = serialport::SerialPort::name(&slave).expect("named");
    let watched = Watched::spawn(Path::new(&path));
    assert_eq!(watched.lost(), LostReason::NoGreeting);
}

#[test]
fn a_foreign_device_is_asked_nothing_and_the_next_port_is_tried() {
    let (mut master, slave) = serialport::TTYPort::pair().expect("a pseudo-terminal");
    let foreign = serialport::SerialPort::name(&slave).expect("named");
    let peer = PtyPeer::plug_in(None, 1).expect("a pseudo-terminal");
    let watched = Watched::spawn_among(vec![foreign.clone().into(), peer.path().to_path_buf()]);
    // It says who it is when its port is opened, and from then on obeys.
    let opened = Instant::now();
    while watched.link.stats().opened == 0 && opened.elapsed() < LIMIT {
        std::thread::yield_now();
    }
    master
        .write_all(b"\r\nGrbl 1.1h ['$' for help]\r\n")
        .expect("room");
    let (reason, port) = watched.until("loss", |event| match event {
        LinkEvent::Lost { reason, port } => Some((reason, port)),
        _ => None,
    });
    let told = reason.to_string();
    assert!(
        told.contains("not ours") && told.contains("Grbl 1.1h"),
        "{told}"
    );
    assert!(told.contains("a machine's controller"), "{told}");
    assert_eq!(port.as_deref(), Some(foreign.as_str()));
    watched.board();
    watched.reading_of(0);
    let stats = watched.link.stats();
    assert_eq!(stats.port.as_deref(), peer.path().to_str());
    serialport::SerialPort::set_timeout(&mut master, Duration::from_millis(10)).expect("set");
    let mut obeyed = [0; 16];
    assert!(master.read(&mut obeyed).is_err(), "nothing was sent to it");
}

#[test]
fn a_board_that_is_plugged_in_beside_a_foreign_device_is_found() {
    let (mut master, slave) = serialport::TTYPort::pair().expect("a pseudo-terminal");
    let foreign = PathBuf::from(serialport::SerialPort::name(&slave).expect("named"));
    let ports = Arc::new(Mutex::new(vec![foreign]));
    let seen = ports.clone();
    let watched = Watched::spawn_where(move || seen.lock().expect("ports").clone());
    let opened = Instant::now();
    while watched.link.stats().opened == 0 && opened.elapsed() < LIMIT {
        std::thread::yield_now();
    }
    master
        .write_all(b"MicroPython v1.22\r\n>>> ")
        .expect("room");
    let told = watched.lost().to_string();
    assert!(told.contains("MicroPython"), "{told}");
    let peer = PtyPeer::plug_in(None, 1).expect("a pseudo-terminal");
    ports.lock().expect("ports").push(peer.path().to_path_buf());
    watched.board();
    assert_eq!(watched.link.stats().opened, 2, "the foreign one once");
    serialport::SerialPort::set_timeout(&mut master, Duration::from_millis(10)).expect("set");
    assert!(master.read(&mut [0; 16]).is_err(), "nothing was sent to it");
}

#[test]
fn what_was_said_to_another_program_is_no_event() {
    let (mut master, slave) = serialport::TTYPort::pair().expect("a pseudo-terminal");
    let path = serialport::SerialPort::name(&slave).expect("named");
    // A whole meeting with an engaged stop, from hours ago, in the driver's buffer.
    let mut board = firmware_bridge::peer::SimulatedBoard::new(1);
    let controls = board.controls();
    let mut host = firmware_bridge::host::HostSession::new();
    host.opened(0);
    let mut stale = Vec::new();
    for _ in 0..20 {
        let bytes = board.turn();
        host.receive(&bytes, 0, &mut |_| {});
        host.tick(0, &mut |_| {});
        board.receive(host.outgoing());
        host.sent(host.outgoing().len());
        controls.happen(Event::EmergencyStop { engaged: true });
        stale.extend(bytes);
    }
    assert!(host.board().is_some(), "they have met");
    stale.truncate(3_000);
    master.write_all(&stale).expect("room");
    let watched = Watched::spawn(Path::new(&path));
    assert_eq!(watched.lost(), LostReason::NoGreeting);
    let events: Vec<LinkEvent> = watched.events.try_iter().collect();
    assert_eq!(events, []);
}

#[test]
fn garbage_costs_nothing_but_itself() {
    let peer = PtyPeer::plug_in(None, 1).expect("a pseudo-terminal");
    let watched = Watched::spawn(peer.path());
    watched.board();
    let garbage: Vec<u8> = (0..5_000_u32)
        .map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8)
        .collect();
    for _ in 0..20 {
        peer.controls().inject(&garbage);
        watched.reading_of(1);
    }
    let stats = watched.link.stats();
    assert!(stats.receive.frame.garbage_bytes > 50_000, "{stats:?}");
    // Garbage went between frames, so no frame was lost to it.
    assert_eq!(stats.receive.lost, 0);
    assert_eq!(stats.connected, 1);
}

#[test]
fn a_board_that_restarts_unseen_is_met_again() {
    // Same terminal, new start: the greeting differs in its boot number.
    let (master, slave) = serialport::TTYPort::pair().expect("a pseudo-terminal");
    let path = serialport::SerialPort::name(&slave).expect("named");
    let watched = Watched::spawn(Path::new(&path));
    let mut stream = master;
    serialport::SerialPort::set_timeout(&mut stream, Duration::from_millis(10)).expect("set");
    for boot in [1, 2] {
        let mut board = firmware_bridge::peer::SimulatedBoard::new(boot);
        let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let runner = std::thread::spawn(move || board.run(&mut stream, &stopped).map(|()| stream));
        assert_eq!(watched.board().greeting.boot, boot);
        watched.reading_of(0);
        stop.store(true, std::sync::atomic::Ordering::Release);
        stream = runner.join().expect("no panic").expect("no error");
    }
    assert_eq!(watched.link.stats().connected, 2);
}

#[test]
fn several_links_do_not_mix() {
    let peers: Vec<_> = (0..3)
        .map(|boot| PtyPeer::plug_in(None, boot).expect("a pseudo-terminal"))
        .collect();
    let links: Vec<_> = peers
        .iter()
        .map(|peer| Watched::spawn(peer.path()))
        .collect();
    for (number, (peer, link)) in peers.iter().zip(&links).enumerate() {
        let value = number as f32;
        peer.controls().set_value(0, Some(Ok(value)));
        assert_eq!(link.board().greeting.boot, number as u32);
        link.until("its own value", |event| {
            matches!(event, LinkEvent::Reading { sensor: 0, value: v, .. } if v == value)
                .then_some(())
        });
    }
}

#[test]
fn stopping_does_not_wait_for_a_port() {
    // Fails when the end does not come in time.
    let folder = folder();
    let watched = Watched::spawn(&name(&folder));
    watched.lost();
    let (sender, stopped) = channel();
    std::thread::spawn(move || {
        watched.link.stop();
        let _ = sender.send(());
    });
    stopped
        .recv_timeout(LIMIT)
        .expect("it stops without a port");
}
