//! Measures what the link promises. Build with `--profile ship`.
//!
//! ```text
//! measure mutate COUNT     frames with broken bytes: none may be misread
//! measure replug COUNT     unplug and replug over a pseudo-terminal
//! measure latency SECONDS  from writing a frame to the sink, p50 and p99
//! measure idle SECONDS     processor time of a link with nothing to do
//! ```
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program for people at a terminal, which measures real time"
)]

use std::error::Error;
use std::io::Write;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use firmware_bridge::channel::{Receiver as FrameReceiver, Sender as FrameSender};
use firmware_bridge::frame::MAX_FRAME_BYTES;
use firmware_bridge::host::{HostLink, LinkConfig, LinkEvent, LinkHandle, PortSelector};
use firmware_bridge::message::{Greeting, ResetCause, ToHost};
use firmware_bridge::peer::PtyPeer;
use firmware_bridge::sensor::{Sensor, SensorKind, Unit};

type Outcome = Result<(), Box<dyn Error>>;

/// Only a broken link is ever this slow.
const LIMIT: Duration = Duration::from_secs(20);

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let number = |text: &str| text.parse::<u64>();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["mutate", count] => mutate(number(count)?),
        ["replug", count] => replug(number(count)?),
        ["latency", seconds] => latency(number(seconds)?),
        ["idle", seconds] => idle(number(seconds)?),
        _ => Err("usage: measure mutate|replug|latency|idle NUMBER".into()),
    }
}

fn reading(number: u64) -> ToHost {
    ToHost::Reading {
        sensor: (number % 16) as u8,
        ticks: number,
        value: (number % 1_000_003) as f32,
    }
}

/// The same inputs every time.
const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

/// Every frame gets one to eight broken bytes, one in eight is noise
/// altogether.
fn mutate(count: u64) -> Outcome {
    let mut random = fastrand::Rng::with_seed(SEED);
    let mut sender = FrameSender::new();
    let mut receiver = FrameReceiver::<ToHost>::new();
    let mut buffer = [0; MAX_FRAME_BYTES];
    let (mut accepted, mut wrong, mut bytes) = (0_u64, 0_u64, 0_u64);
    let started = Instant::now();
    for number in 0..count {
        let length = sender.encode(&reading(number), &mut buffer)?.len();
        let frame = &mut buffer[..length];
        let dice = random.u64(..);
        let broken = if dice & 7 == 0 {
            length as u64
        } else {
            1 + (dice >> 3) % 8
        };
        for _ in 0..broken {
            let dice = random.u64(..);
            let place = (dice >> 8) as usize % length;
            frame[place] = dice as u8;
        }
        bytes += length as u64;
        for byte in frame {
            if let Some(received) = receiver.feed(*byte) {
                accepted += 1;
                let ToHost::Reading { ticks, .. } = received.message else {
                    wrong += 1;
                    continue;
                };
                wrong += u64::from(ticks > number || received.message != reading(ticks));
            }
        }
    }
    let ns_per_byte = started.elapsed().as_nanos() as f64 / bytes as f64;
    println!(
        "{count} frames, {accepted} accepted, {wrong} of them wrong, {ns_per_byte:.1} ns per byte"
    );
    println!("{:?}", receiver.stats());
    if wrong == 0 {
        Ok(())
    } else {
        Err("a broken frame was accepted".into())
    }
}

fn watch(path: &std::path::Path) -> Result<(LinkHandle, Receiver<LinkEvent>), Box<dyn Error>> {
    let (sender, events) = channel();
    let config = LinkConfig::new(PortSelector::Path(path.to_path_buf()));
    let link = HostLink::spawn(config, move |event| {
        // Nobody listens any more: the measurement is over.
        let _ = sender.send(event);
    })?;
    Ok((link, events))
}

fn wait_for(
    events: &Receiver<LinkEvent>,
    wanted: impl Fn(&LinkEvent) -> bool,
) -> Result<LinkEvent, Box<dyn Error>> {
    loop {
        let event = events.recv_timeout(LIMIT)?;
        if wanted(&event) {
            return Ok(event);
        }
    }
}

fn replug(count: u64) -> Outcome {
    let folder = tempfile::tempdir()?;
    let name = folder.path().join("board");
    let (link, events) = watch(&name)?;
    let mut slowest = Duration::ZERO;
    let started = Instant::now();
    for boot in 0..count {
        let plugged = Instant::now();
        let peer = PtyPeer::plug_in(Some(&name), boot as u32)?;
        wait_for(&events, |event| matches!(event, LinkEvent::Reading { .. }))?;
        slowest = slowest.max(plugged.elapsed());
        peer.unplug();
        wait_for(&events, |event| matches!(event, LinkEvent::Lost { .. }))?;
    }
    let mean_ms = started.elapsed().as_millis() as f64 / count as f64;
    println!(
        "{count} cycles, {} connections, {mean_ms:.0} ms each, slowest reading {} ms after plugging in",
        link.stats().connected,
        slowest.as_millis()
    );
    link.stop();
    Ok(())
}

/// Plays the board by hand: a stamp is taken, a frame is written, the sink's
/// reading is waited for.
fn latency(seconds: u64) -> Outcome {
    let (mut master, slave) = serialport::TTYPort::pair()?;
    let path = serialport::SerialPort::name(&slave).ok_or("the terminal has no name")?;
    let (link, events) = watch(std::path::Path::new(&path))?;
    let mut sender = FrameSender::new();
    let mut buffer = [0; MAX_FRAME_BYTES];
    for message in [greeting(), description()] {
        master.write_all(sender.encode(&message, &mut buffer)?)?;
    }
    wait_for(&events, |event| {
        matches!(event, LinkEvent::Connected { .. })
    })?;
    let mut taken_us = Vec::new();
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(seconds) {
        let ticks = started.elapsed().as_micros() as u64;
        let message = ToHost::Reading {
            sensor: 0,
            ticks,
            value: 1.0,
        };
        let frame = sender.encode(&message, &mut buffer)?;
        let written = Instant::now();
        master.write_all(frame)?;
        wait_for(&events, |event| matches!(event, LinkEvent::Reading { .. }))?;
        taken_us.push(written.elapsed().as_micros());
        std::thread::sleep(Duration::from_millis(2));
    }
    taken_us.sort_unstable();
    let quantile = |part: usize| taken_us[(taken_us.len() - 1) * part / 1000];
    println!(
        "{} readings: p50 {} us, p99 {} us, p99.9 {} us",
        taken_us.len(),
        quantile(500),
        quantile(990),
        quantile(999)
    );
    link.stop();
    Ok(())
}

fn greeting() -> ToHost {
    ToHost::Greeting(Greeting {
        min: 1,
        current: 1,
        board: "by-hand".into(),
        firmware: "0".into(),
        serial: 0,
        boot: 0,
        reset: ResetCause::Unknown,
        ticks_hz: 1_000_000,
        sensors: 1,
    })
}

fn description() -> ToHost {
    let sensor = Sensor {
        name: "one".into(),
        kind: SensorKind::Other,
        unit: Unit::None,
        min: 0.0,
        max: 2.0,
        interval_ms: 10,
    };
    ToHost::Sensor { index: 0, sensor }
}

fn idle(seconds: u64) -> Outcome {
    let absent = std::path::Path::new("/dev/serial/by-id/absent");
    let peer = PtyPeer::plug_in(None, 1)?;
    let (alone, _events) = watch(absent)?;
    let (live, events) = watch(peer.path())?;
    wait_for(&events, |event| {
        matches!(event, LinkEvent::Connected { .. })
    })?;
    std::thread::sleep(Duration::from_secs(seconds));
    // Both threads of this process that are links, the absent board's first.
    for entry in std::fs::read_dir("/proc/self/task")? {
        let stat = std::fs::read_to_string(entry?.path().join("stat"))?;
        if let Some((_, rest)) = stat.split_once("(bridge-link) ") {
            let fields: Vec<&str> = rest.split_whitespace().collect();
            let ticks = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
            println!(
                "a link used {} ms of processor time in {seconds} s",
                ticks * 10
            );
        }
    }
    println!("the live one handed out {} readings", live.stats().readings);
    alone.stop();
    live.stop();
    Ok(())
}
