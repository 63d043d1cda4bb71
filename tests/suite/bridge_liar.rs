//! A microcontroller that lies: it hides its state, describes sensors that cannot be,
//! hears nothing, starts again and again, or is none of ours. What the gateway says of it
//! must be so, and its emergency stop must be heard all the same.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use firmware_bridge::channel::{Receiver, Sender};
use firmware_bridge::frame::{Direction, Header, MAX_FRAME_BYTES, encode};
use firmware_bridge::message::{Greeting, IndicatorLevel, ResetCause, ToHost, ToMcu};
use gateway_tests::bridge::SimulatedBoard;
use gateway_tests::{Gateway, eventually};
use serde_json::Value;
use serialport::{SerialPort as _, TTYPort};

use crate::bridge::metric;
use crate::bridge_line::{alert, bridge, is_over, quiet, section, sensor, stands};

/// How it behaves; changed while it runs.
#[derive(Clone)]
pub(crate) struct Ways {
    pub(crate) boot: u32,
    /// Whether it greets anew, as after a start, with the number it has.
    starts: bool,
    /// Whether anything that it is told arrives.
    hears: bool,
    /// What it says of its stop; nothing while none.
    pub(crate) stop: Option<bool>,
    /// Its sensor's name and interval.
    pub(crate) name: &'static str,
    interval_ms: u8,
    /// What it measures.
    pub(crate) value: f32,
    /// Its sensor's kind and unit, by their numbers: temperature in °C.
    pub(crate) kind: [u8; 2],
    /// Its own serial number.
    pub(crate) serial: u64,
    /// Whether it describes its sensor unasked, once.
    pub(crate) describes: bool,
}

/// The microcontroller, in a thread of its own; unplugged when dropped.
pub(crate) struct Liar {
    ways: Arc<Mutex<Ways>>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Liar {
    pub(crate) fn plug_in(link: &Path, ways: Ways) -> Liar {
        let (mut master, slave) = TTYPort::pair().unwrap();
        master.set_timeout(Duration::from_millis(20)).unwrap();
        std::os::unix::fs::symlink(slave.name().unwrap(), link).unwrap();
        let ways = Arc::new(Mutex::new(ways));
        let ends = Arc::new(AtomicBool::new(false));
        let (shared, ended) = (ways.clone(), ends.clone());
        let thread = std::thread::spawn(move || {
            let _slave = slave;
            run(master, &shared, &ended);
        });
        Liar {
            ways,
            ends,
            thread: Some(thread),
        }
    }

    pub(crate) fn now(&self, change: impl FnOnce(&mut Ways)) {
        change(&mut self.ways.lock().unwrap());
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Release);
        drop(self.thread.take().map(JoinHandle::join));
    }
}

pub(crate) fn honest() -> Ways {
    Ways {
        boot: 1,
        starts: false,
        hears: true,
        stop: Some(false),
        name: "probe",
        interval_ms: 100,
        value: 20.0,
        kind: [3, 4],
        serial: 7,
        describes: false,
    }
}

/// What it says in one turn.
#[derive(Default)]
struct Words {
    sender: Sender<ToHost>,
    said: Vec<u8>,
}

impl Words {
    fn say(&mut self, message: &ToHost) {
        let mut buffer = [0; MAX_FRAME_BYTES];
        let frame = self.sender.encode(message, &mut buffer).unwrap();
        self.said.extend_from_slice(frame);
    }

    /// A frame whose content no firmware of ours would make: postcard by hand.
    fn say_raw(&mut self, content: &[u8]) {
        let header = Header {
            direction: Direction::ToHost,
            version: 1,
            sequence: self.sender.next_sequence(),
        };
        self.sender.number_from(header.sequence.wrapping_add(1));
        let mut buffer = [0; MAX_FRAME_BYTES];
        let frame = encode(header, content, &mut buffer).unwrap();
        self.said.extend_from_slice(frame);
    }

    fn greet(&mut self, boot: u32, serial: u64) {
        self.say(&ToHost::Greeting(Greeting {
            min: 1,
            current: 1,
            board: "liar".into(),
            firmware: "1".into(),
            serial,
            boot,
            reset: ResetCause::Watchdog,
            ticks_hz: 1_000_000,
            sensors: 1,
        }));
    }

    /// Its sensor, at an interval that may be none.
    fn describe(&mut self, ways: &Ways) {
        let name = ways.name;
        // Message 1, sensor 0, its name, kind and unit.
        let mut content = vec![1, 0, name.len() as u8];
        content.extend(name.as_bytes());
        content.extend(ways.kind);
        content.extend((-40_f32).to_le_bytes());
        content.extend(125_f32.to_le_bytes());
        content.push(ways.interval_ms);
        self.say_raw(&content);
    }

    fn read(&mut self, value: f32) {
        // Message 2, sensor 0, at no time: it has no clock.
        let mut content = vec![2, 0, 0];
        content.extend(value.to_le_bytes());
        self.say_raw(&content);
    }
}

/// Greets at each start, answers a hello and pings, and says what it is told to say some
/// fifty times a second.
fn run(mut port: TTYPort, ways: &Mutex<Ways>, ends: &AtomicBool) {
    let mut receiver = Receiver::<ToMcu>::new();
    let mut words = Words::default();
    let mut bytes = [0; 256];
    let mut greeted = 0;
    while !ends.load(Ordering::Acquire) {
        let heard = port.read(&mut bytes).unwrap_or(0);
        let now = ways.lock().unwrap().clone();
        let starts = std::mem::take(&mut ways.lock().unwrap().starts);
        if starts || greeted != now.boot {
            words.greet(now.boot, now.serial);
            greeted = now.boot;
        }
        if std::mem::take(&mut ways.lock().unwrap().describes) {
            words.describe(&now);
        }
        let heard = if now.hears { heard } else { 0 };
        let told = bytes[..heard]
            .iter()
            .filter_map(|byte| receiver.feed(*byte));
        for told in told.collect::<Vec<_>>() {
            match told.message {
                ToMcu::Hello { .. } => {
                    words.greet(now.boot, now.serial);
                    words.describe(&now);
                }
                ToMcu::Ping { nonce } => words.say(&ToHost::Pong { nonce, ticks: 0 }),
                _ => {}
            }
        }
        if let Some(emergency_stop) = now.stop {
            words.say(&ToHost::State {
                ticks: 0,
                emergency_stop,
                indicator: IndicatorLevel::Clear,
                dropped: 0,
            });
        }
        words.read(now.value);
        // Nobody reads: its bytes are lost, as on any line.
        drop(port.write(&std::mem::take(&mut words.said)));
    }
}

pub(crate) async fn with(port: &Path) -> anyhow::Result<Gateway> {
    let config = quiet() + &section("mast", port);
    Gateway::builder().config(&config).start().await
}

#[tokio::test]
async fn a_stop_outlives_the_gateway_and_the_cable() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let port = dir.path().join("mast");
    let mut board = SimulatedBoard::plug_in(&port).await?;
    let mut gateway = with(&port).await?;
    let admin = gateway.admin()?;
    board.order("stop on").await?;
    alert(&admin, "Emergency Stop", "bridge/mast", stands).await?;
    gateway.kill().await?;
    board.order("unplug").await?;
    gateway.restart().await?;
    let admin = gateway.admin()?;
    let away = alert(&admin, "Bridge Lost", "bridge/mast", stands).await?;
    assert!(
        away["message"]
            .as_str()
            .unwrap()
            .contains("no such serial port")
    );
    // What is lost is judged after what was inherited: nothing has ended the stop.
    let stop = alert(&admin, "Emergency Stop", "bridge/mast", |_| true).await?;
    assert_eq!(stop["resolved"], false, "{stop}");
    let away = bridge(&admin, "mast", |bridge| bridge["state"] == "lost").await?;
    assert_eq!(away["emergency_stop"], Value::Null);
    // A new board, whose stop is released: it says so itself.
    board.order("plug").await?;
    alert(&admin, "Emergency Stop", "bridge/mast", is_over).await?;
    Ok(())
}

#[tokio::test]
async fn a_board_that_hides_its_state_is_told_of_until_it_says_it() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let port = dir.path().join("mast");
    let liar = Liar::plug_in(
        &port,
        Ways {
            stop: None,
            ..honest()
        },
    );
    let gateway = with(&port).await?;
    let admin = gateway.admin()?;
    let unknown = alert(&admin, "Emergency Stop Unknown", "bridge/mast", stands).await?;
    assert_eq!(unknown["level"], "error");
    let known = bridge(&admin, "mast", |bridge| bridge["state"] == "live").await?;
    assert_eq!(known["emergency_stop"], Value::Null, "{known}");
    liar.now(|ways| ways.stop = Some(true));
    alert(&admin, "Emergency Stop Unknown", "bridge/mast", is_over).await?;
    alert(&admin, "Emergency Stop", "bridge/mast", stands).await?;
    Ok(())
}

#[tokio::test]
async fn a_mistake_about_a_sensor_is_told_and_the_stop_is_heard_all_the_same() -> anyhow::Result<()>
{
    let dir = tempfile::tempdir()?;
    let port = dir.path().join("mast");
    let ways = Ways {
        interval_ms: 5,
        stop: Some(true),
        ..honest()
    };
    let liar = Liar::plug_in(&port, ways);
    let gateway = with(&port).await?;
    let admin = gateway.admin()?;
    let lost = alert(&admin, "Bridge Lost", "bridge/mast", stands).await?;
    let text = lost["message"].as_str().unwrap();
    for part in [
        port.to_str().unwrap(),
        "sensor 0 (probe)",
        "5 ms",
        "10 to 3600000 ms",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    alert(&admin, "Emergency Stop", "bridge/mast", stands).await?;
    // Mended and flashed: another start.
    liar.now(|ways| (ways.interval_ms, ways.boot) = (100, 2));
    let fresh = sensor(&admin, "probe", |sensor| sensor["state"] == "fresh").await?;
    assert_eq!(fresh["value"], 20.0);
    alert(&admin, "Bridge Lost", "bridge/mast", is_over).await?;
    // What is no number is a fault of its sensor, with its words.
    liar.now(|ways| ways.value = f32::NAN);
    let lost = alert(&admin, "Bridge Sensor Lost", "bridge/mast/probe", stands).await?;
    let text = lost["message"].as_str().unwrap();
    for part in [port.to_str().unwrap(), "probe", "NaN", "-40 to 125"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let says = |sensor: &Value| sensor["reason"].as_str().is_some_and(|r| r.contains("NaN"));
    sensor(&admin, "probe", says).await?;
    Ok(())
}

/// A board that was flashed anew has other sensors: what looked at the old ones is told.
#[tokio::test]
async fn a_rule_about_what_no_board_describes_is_an_alert() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let port = dir.path().join("mast");
    let liar = Liar::plug_in(&port, honest());
    let rule = |name: &str, source: &str, metric: &str| {
        format!(
            "[[alerts.rule]]\nname = {name:?}\nsource = {source:?}\nmetric = {metric:?}\n\
             operator = \">\"\nthreshold = 20\nlevel = \"warning\"\n"
        )
    };
    let section = format!("[[bridge]]\nname = \"mast\"\nselector = {port:?}\n");
    let config = quiet()
        + &section
        + &rule("Hot", "bridge/mast/probe", "bridge_temperature")
        + &rule("Cells", "bridge/mast/spare", "voltage")
        + &rule("Nobody", "bridge/hut/probe", "bridge_temperature");
    let gateway = Gateway::builder().config(&config).start().await?;
    let admin = gateway.admin()?;
    let title = "Rule Without Sensor";
    for (source, part) in [
        ("bridge/mast/spare", "Cells cannot fire"),
        ("bridge/hut/probe", "Nobody cannot fire"),
    ] {
        let told = alert(&admin, title, source, stands).await?;
        assert!(told["message"].as_str().unwrap().contains(part), "{told}");
    }
    liar.now(|ways| (ways.name, ways.boot) = ("spare", 2));
    alert(&admin, title, "bridge/mast/probe", stands).await?;
    // As it was.
    liar.now(|ways| (ways.name, ways.boot) = ("probe", 3));
    alert(&admin, title, "bridge/mast/probe", is_over).await?;
    let told = alert(&admin, title, "bridge/mast/spare", stands).await?;
    assert_eq!(told["level"], "warning");
    Ok(())
}

#[tokio::test]
async fn a_board_that_hears_nothing_is_not_live() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let port = dir.path().join("mast");
    let liar = Liar::plug_in(&port, honest());
    let gateway = with(&port).await?;
    let admin = gateway.admin()?;
    bridge(&admin, "mast", |bridge| bridge["round_trip_ms"].is_number()).await?;
    liar.now(|ways| ways.hears = false);
    let lost = alert(&admin, "Bridge Lost", "bridge/mast", stands).await?;
    let text = lost["message"].as_str().unwrap();
    assert!(text.contains("answers nothing"), "{text}");
    let deaf = bridge(&admin, "mast", |bridge| bridge["state"] == "lost").await?;
    assert_eq!(
        (&deaf["round_trip_ms"], &deaf["indicator"]),
        (&Value::Null, &Value::Null),
        "both are of a time when it heard: {deaf}"
    );
    liar.now(|ways| ways.hears = true);
    alert(&admin, "Bridge Lost", "bridge/mast", is_over).await?;
    Ok(())
}

#[tokio::test]
async fn a_boot_loop_is_counted_told_once_and_fills_no_log() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let port = dir.path().join("mast");
    let liar = Liar::plug_in(&port, honest());
    let gateway = with(&port).await?;
    let admin = gateway.admin()?;
    eventually("a hundred starts", || async {
        liar.now(|ways| ways.boot += 1);
        let starts = metric(&admin, "bridge_restarts_total").await?;
        Ok((starts >= 100.0).then_some(()))
    })
    .await?;
    let told = alert(&admin, "Bridge Restarts", "bridge/mast", stands).await?;
    let text = told["message"].as_str().unwrap();
    assert!(text.contains("watchdog"), "{text}");
    let lines = gateway.output().matches("bridge=mast").count()
        + gateway.output().matches("\"bridge\":\"mast\"").count();
    assert!(lines <= 61, "{lines} lines");
    Ok(())
}

/// One that starts every 0.4 s and counts none of it.
#[tokio::test]
async fn a_boot_loop_under_one_number_is_counted_and_told() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let port = dir.path().join("mast");
    let liar = Liar::plug_in(&port, honest());
    let gateway = with(&port).await?;
    let admin = gateway.admin()?;
    sensor(&admin, "probe", |sensor| sensor["state"] == "fresh").await?;
    eventually("five starts", || async {
        liar.now(|ways| ways.starts = true);
        let starts = metric(&admin, "bridge_restarts_total").await?;
        Ok((starts >= 5.0).then_some(()))
    })
    .await?;
    alert(&admin, "Bridge Restarts", "bridge/mast", stands).await?;
    Ok(())
}

#[tokio::test]
async fn what_is_none_of_ours_is_named_and_sent_nothing() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let port = dir.path().join("mast");
    let (mut master, slave) = TTYPort::pair()?;
    master.set_timeout(Duration::from_millis(10))?;
    std::os::unix::fs::symlink(slave.name().unwrap(), &port)?;
    let gateway = with(&port).await?;
    let admin = gateway.admin()?;
    let master = Mutex::new(master);
    let lost = eventually("Bridge Lost", || async {
        // What a chip without a program prints, again and again.
        master
            .lock()
            .unwrap()
            .write_all(b"ets Jun  8 2016 00:22:57\r\n\x1b[2Jinvalid header: 0xffffffff\r\n")?;
        let alerts = admin.get("/api/alerts").await?.expect(200).json();
        let mut alerts = alerts["alerts"].as_array().unwrap().iter();
        Ok(alerts
            .find(|alert| alert["title"] == "Bridge Lost")
            .cloned())
    })
    .await?;
    let text = lost["message"].as_str().unwrap();
    for part in ["not ours", "ets Jun  8 2016", "\\x1b[2J", "Espressif"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    let mut asked = [0; 64];
    let asked = master.lock().unwrap().read(&mut asked);
    assert!(asked.is_err(), "{asked:?} bytes were sent to it");
    Ok(())
}
