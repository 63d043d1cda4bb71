//! Against an implementation in Python that shares no code with the crate: each
//! side understands every frame the other one makes, word for word.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use firmware_bridge::channel::{Receiver, Sender};
use firmware_bridge::frame::MAX_FRAME_BYTES;
use firmware_bridge::message::{Event, Message, ToHost, ToMcu};

/// Messages that go through both implementations.
const MESSAGES: usize = 20_000;

/// What random messages are made from; another number makes others.
const SEED: usize = 6;

/// One line of what the other implementation said.
struct Said {
    frame: Vec<u8>,
    direction: u8,
    sequence: u16,
    line: String,
}

fn peer(arguments: &[&str], input: &str) -> Option<String> {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/independent/peer.py");
    let mut command = Command::new("python3");
    command
        .arg(script)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => panic!("python3: {error}"),
    };
    let mut stdin = child.stdin.take().expect("piped");
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()).expect("it reads"));
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("written");
    assert!(
        output.status.success(),
        "peer.py {arguments:?}: {}",
        output.status
    );
    Some(String::from_utf8(output.stdout).expect("text"))
}

fn said() -> Option<Vec<Said>> {
    let (seed, count) = (SEED.to_string(), MESSAGES.to_string());
    let text = peer(&["encode", &seed, &count], "")?;
    let one = |line: &str| {
        let (frame, rest) = line.split_once('\t').expect("two columns");
        let mut words = rest.splitn(3, ' ');
        let mut word = || words.next().expect("three words");
        Said {
            frame: bytes(frame),
            direction: word().parse().expect("0 or 1"),
            sequence: word().parse().expect("a number"),
            line: word().to_owned(),
        }
    };
    Some(text.lines().map(one).collect())
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex
        .as_bytes()
        .chunks(2)
        .map(|pair| str::from_utf8(pair).expect("ASCII"));
    digits
        .map(|pair| u8::from_str_radix(pair, 16).expect("hexadecimal"))
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("room");
        text
    })
}

/// Decodes the frame, holds it against the line, and gives the frame this crate
/// makes of the same message.
fn check<M: Message>(said: &Said, line: fn(&M) -> String) -> String {
    let mut receiver = Receiver::<M>::new();
    let got: Vec<_> = said
        .frame
        .iter()
        .filter_map(|byte| receiver.feed(*byte))
        .collect();
    assert_eq!(
        got.len(),
        1,
        "not accepted: {} {:?}",
        said.line,
        receiver.stats()
    );
    assert_eq!(got[0].sequence, said.sequence);
    assert_eq!(line(&got[0].message), said.line);
    let mut buffer = [0; MAX_FRAME_BYTES];
    let frame = Sender::new()
        .encode(&got[0].message, &mut buffer)
        .expect("valid");
    hex(frame)
}

#[test]
fn both_implementations_mean_the_same() {
    let Some(said) = said() else {
        // The other implementation is in Python. Said past the harness, which keeps what
        // a passing test prints.
        let _ =
            std::io::stderr().write_all(b"SKIPPED: python3 is not there; nothing was checked\n");
        return;
    };
    assert_eq!(said.len(), MESSAGES);
    let frames: Vec<String> = said
        .iter()
        .map(|said| {
            if said.direction == 0 {
                check(said, to_host)
            } else {
                check(said, to_mcu)
            }
        })
        .collect();
    // A sender numbers from zero; of ours each frame had its own.
    let understood = peer(&["decode"], &frames.join("\n")).expect("it was there a moment ago");
    let understood: Vec<&str> = understood.lines().collect();
    assert_eq!(understood.len(), MESSAGES);
    for (said, understood) in said.iter().zip(understood) {
        assert_eq!(understood, format!("0 {}", said.line));
    }
}

fn f32_hex(value: f32) -> String {
    hex(&value.to_le_bytes())
}

/// A message as `peer.py` writes it: the tag's name, then every field.
fn to_host(message: &ToHost) -> String {
    match message {
        ToHost::Greeting(g) => {
            let (board, firmware) = (
                hex(g.board.as_str().as_bytes()),
                hex(g.firmware.as_str().as_bytes()),
            );
            let (reset, hz) = (g.reset as u8, g.ticks_hz);
            let versions = format!("{} {}", g.min, g.current);
            format!(
                "greeting {versions} {board} {firmware} {} {} {reset} {hz} {}",
                g.serial, g.boot, g.sensors
            )
        }
        ToHost::Sensor { index, sensor } => {
            let name = hex(sensor.name.as_str().as_bytes());
            let (kind, unit) = (sensor.kind as u8, sensor.unit as u8);
            let (min, max) = (f32_hex(sensor.min), f32_hex(sensor.max));
            format!(
                "sensor {index} {name} {kind} {unit} {min} {max} {}",
                sensor.interval_ms
            )
        }
        ToHost::Reading {
            sensor,
            ticks,
            value,
        } => format!("reading {sensor} {ticks} {}", f32_hex(*value)),
        ToHost::Fault {
            sensor,
            ticks,
            fault,
        } => format!("fault {sensor} {ticks} {}", *fault as u8),
        ToHost::Event {
            ticks,
            event: Event::Button { index, pressed },
        } => {
            format!("event {ticks} button {index} {}", u8::from(*pressed))
        }
        ToHost::Event {
            ticks,
            event: Event::EmergencyStop { engaged },
        } => {
            format!("event {ticks} stop {}", u8::from(*engaged))
        }
        ToHost::State {
            ticks,
            emergency_stop,
            indicator,
            dropped,
        } => {
            format!(
                "state {ticks} {} {} {dropped}",
                u8::from(*emergency_stop),
                *indicator as u8
            )
        }
        ToHost::Log { ticks, level, text } => {
            format!(
                "log {ticks} {} {}",
                *level as u8,
                hex(text.as_str().as_bytes())
            )
        }
        ToHost::Pong { nonce, ticks } => format!("pong {nonce} {ticks}"),
        ToHost::Answer { sequence, outcome } => format!("answer {sequence} {}", *outcome as u8),
    }
}

fn to_mcu(message: &ToMcu) -> String {
    match message {
        ToMcu::Hello { min, current } => format!("hello {min} {current}"),
        ToMcu::Describe { index } => format!("describe {index}"),
        ToMcu::Rate {
            sensor,
            interval_ms,
        } => format!("rate {sensor} {interval_ms}"),
        ToMcu::Indicator { level } => format!("indicator {}", *level as u8),
        ToMcu::Ping { nonce } => format!("ping {nonce}"),
        ToMcu::ResetToBootloader { magic } => format!("bootloader {magic}"),
        ToMcu::Configure { setting, value } => format!("configure {} {value}", *setting as u8),
    }
}
