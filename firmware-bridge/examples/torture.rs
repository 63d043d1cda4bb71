//! Random and mutated inputs by the million, through both sides of the link.
//!
//! ```text
//! cargo run --release -p firmware-bridge --features host --example torture -- [--inputs N] [--seed S]
//! ```
//!
//! Every input goes, byte by byte, into a receiver of each direction, into the
//! host's session and into the board's. It fails when anything panics, when an
//! input that was broken gives a message that nobody sent, when an intact frame
//! is not accepted, or when a byte is neither in a good frame nor counted as
//! garbage. A check sum of 32 bits lets one broken frame in 4,294,967,296 pass:
//! in 10⁸ inputs that is expected 0.02 times, and the seed makes a run repeatable.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program for people at a terminal, which measures real time"
)]

use std::error::Error;
use std::time::Instant;

use firmware_bridge::channel::{Receiver, Sender};
use firmware_bridge::frame::{Direction, Header, MAX_FRAME_BYTES, MAX_MESSAGE_BYTES, encode};
use firmware_bridge::host::HostSession;
use firmware_bridge::mcu::{Identity, Session};
use firmware_bridge::message::{
    Event, Greeting, IndicatorLevel, LogLevel, Message, Outcome, ResetCause, Setting, ToHost, ToMcu,
};
use firmware_bridge::sensor::{Fault, Sensor, SensorKind, Unit};

/// Longest input of random bytes: several frames, and longer than any one.
const LONGEST_NOISE: u64 = 200;

fn main() -> Result<(), Box<dyn Error>> {
    let (mut inputs, mut seed) = (1_000_000_u64, 1_u64);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let value = arguments
            .next()
            .ok_or("every option has a value: --inputs N, --seed S")?;
        match argument.as_str() {
            "--inputs" => inputs = value.parse()?,
            "--seed" => seed = value.parse()?,
            other => return Err(format!("no option {other:?}; --inputs N, --seed S").into()),
        }
    }
    let mut bench = Bench::new(seed);
    let started = Instant::now();
    for _ in 0..inputs {
        bench.one()?;
    }
    bench.finish()?;
    let (seconds, bytes) = (started.elapsed().as_secs_f64(), bench.bytes);
    println!(
        "{inputs} inputs (seed {seed}), {bytes} bytes, {seconds:.0} s, {:.0} ns a byte",
        seconds * 1e9 / bytes as f64
    );
    println!(
        "{} intact frames accepted, {} inputs broken, of those accepted as something else: 0",
        bench.intact, bench.broken
    );
    println!("to the host: {:?}", bench.to_host.stats());
    println!("to the board: {:?}", bench.to_mcu.stats());
    Ok(())
}

struct Bench {
    random: fastrand::Rng,
    to_host: Receiver<ToHost>,
    to_mcu: Receiver<ToMcu>,
    host: HostSession,
    board: Session,
    now_us: u64,
    bytes: u64,
    intact: u64,
    broken: u64,
    payload: u64,
    in_frames: u64,
}

impl Bench {
    fn new(seed: u64) -> Self {
        let mut host = HostSession::new();
        host.opened(0);
        let (random, to_host, to_mcu) = (
            fastrand::Rng::with_seed(seed),
            Receiver::new(),
            Receiver::new(),
        );
        let (now_us, bytes, intact, broken, payload, in_frames) = (0, 0, 0, 0, 0, 0);
        Self {
            random,
            to_host,
            to_mcu,
            host,
            board: board(),
            now_us,
            bytes,
            intact,
            broken,
            payload,
            in_frames,
        }
    }

    fn one(&mut self) -> Result<(), Box<dyn Error>> {
        match self.random.u64(..8) {
            0 => {
                let length = 1 + self.random.u64(..LONGEST_NOISE) as usize;
                let noise: Vec<u8> = (0..length).map(|_| self.random.u8(..)).collect();
                self.broken += 1;
                self.feed(&noise, None)
            }
            1 => {
                // A good frame around anything: the inner layers see it all.
                let length = self.random.u64(..MAX_MESSAGE_BYTES as u64 + 1) as usize;
                let message: Vec<u8> = (0..length).map(|_| self.random.u8(..)).collect();
                self.framed(&message)
            }
            2 | 3 => {
                // A good frame around a message with a byte or two changed.
                let frame = self.frame()?;
                let mut receiver = firmware_bridge::decoder::Decoder::new();
                let mut message: Vec<u8> = frame
                    .iter()
                    .find_map(|byte| {
                        receiver
                            .feed(*byte)?
                            .ok()
                            .map(|frame| frame.message.to_vec())
                    })
                    .ok_or("a frame of ours is none")?;
                for _ in 0..1 + self.random.u64(..2) {
                    let place = self.random.u64(..message.len() as u64) as usize;
                    message[place] = self.random.u8(..);
                }
                self.framed(&message)
            }
            4 => {
                let frame = self.frame()?;
                self.intact += 1;
                self.feed(&frame, Some(&frame))
            }
            _ => {
                let frame = self.frame()?;
                let spoilt = self.spoil(&frame);
                self.broken += u64::from(spoilt != frame);
                self.feed(&spoilt, Some(&frame))
            }
        }
    }

    /// A frame of a random message of either direction.
    fn frame(&mut self) -> Result<Vec<u8>, Box<dyn Error>> {
        let mut buffer = [0; MAX_FRAME_BYTES];
        Ok(if self.random.u64(..2) == 0 {
            let message = to_host(&mut self.random);
            Sender::new().encode(&message, &mut buffer)?.to_vec()
        } else {
            let message = to_mcu(&mut self.random);
            Sender::new().encode(&message, &mut buffer)?.to_vec()
        })
    }

    /// Whatever the content: it is not asked what may come of it.
    fn framed(&mut self, message: &[u8]) -> Result<(), Box<dyn Error>> {
        let direction = if self.random.u64(..2) == 0 {
            Direction::ToHost
        } else {
            Direction::ToMcu
        };
        let header = Header {
            direction,
            version: 1 + u8::from(self.random.u64(..16) == 0),
            sequence: 0,
        };
        let mut buffer = [0; MAX_FRAME_BYTES];
        let frame = encode(header, message, &mut buffer)?.to_vec();
        self.feed(&frame, Some(&frame))
    }

    fn spoil(&mut self, frame: &[u8]) -> Vec<u8> {
        let mut bytes = frame.to_vec();
        for _ in 0..1 + self.random.u64(..6) {
            if bytes.is_empty() {
                break;
            }
            let place = self.random.u64(..bytes.len() as u64) as usize;
            match self.random.u64(..6) {
                0 => bytes[place] ^= 1 << self.random.u64(..8),
                1 => bytes[place] = self.random.u8(..),
                2 => {
                    bytes.remove(place);
                }
                3 => bytes.insert(place, self.random.u8(..)),
                4 => bytes.truncate(place),
                _ => bytes[place] = 0,
            }
        }
        bytes
    }

    /// Feeds everything that listens. What the receivers accept must be the
    /// frame that was sent, if one was, and nothing else.
    fn feed(&mut self, input: &[u8], sent: Option<&[u8]>) -> Result<(), Box<dyn Error>> {
        self.now_us += 1 + self.random.u64(..50_000);
        let before = self.to_host.stats().frame.frames;
        // A delimiter of its own, so that inputs do not run into each other.
        for byte in input.iter().chain(&[0]) {
            self.bytes += 1;
            self.payload += u64::from(*byte != 0);
            let heard = (self.to_host.feed(*byte), self.to_mcu.feed(*byte));
            match heard {
                (Some(received), _) => same(&received.message, sent)?,
                (_, Some(received)) => same(&received.message, sent)?,
                (None, None) => {}
            }
            // What a command asks of a board file is none of this.
            let _ = self.board.receive(*byte, self.now_us);
        }
        if self.to_host.stats().frame.frames > before {
            // At most one frame an input: the one that was sent.
            self.in_frames += sent.map_or(0, |sent| {
                sent.iter().filter(|byte| **byte != 0).count() as u64
            });
        }
        self.host.receive(input, self.now_us, &mut |_| {});
        self.host.tick(self.now_us, &mut |_| {});
        self.host.sent(self.host.outgoing().len());
        let mut buffer = [0; MAX_FRAME_BYTES];
        let said = (0..64)
            .take_while(|_| self.board.next_frame(self.now_us, &mut buffer).is_some())
            .count();
        if said == 64 {
            Err("the board talks without end".into())
        } else {
            Ok(())
        }
    }

    /// Every byte is in a good frame or counted.
    fn finish(&mut self) -> Result<(), Box<dyn Error>> {
        let counted = self.to_host.stats().frame.garbage_bytes;
        if counted + self.in_frames == self.payload {
            return Ok(());
        }
        Err(format!(
            "{} bytes, {} in frames, {counted} counted as garbage",
            self.payload, self.in_frames
        )
        .into())
    }
}

/// Holds what was accepted against what was sent, by the frame it makes again.
fn same<M: Message + std::fmt::Debug>(
    message: &M,
    sent: Option<&[u8]>,
) -> Result<(), Box<dyn Error>> {
    let mut buffer = [0; MAX_FRAME_BYTES];
    let again = Sender::new().encode(message, &mut buffer)?;
    match sent {
        Some(sent) if sent == again => Ok(()),
        // Text may be disarmed and numbers written longer than they need be: then
        // the same message makes another frame. What was sent must still mean it.
        Some(sent) if means(sent, message) => Ok(()),
        _ => Err(format!("accepted and never sent: {message:?}").into()),
    }
}

/// Whether a frame, alone, is this message.
fn means<M: Message + std::fmt::Debug>(frame: &[u8], message: &M) -> bool {
    let mut receiver = Receiver::<M>::new();
    let got = frame.iter().find_map(|byte| receiver.feed(*byte));
    got.is_some_and(|received| format!("{:?}", received.message) == format!("{message:?}"))
}

fn board() -> Session {
    let identity = Identity {
        board: "tortured".into(),
        firmware: "0".into(),
        serial: 0,
        boot: 0,
        reset: ResetCause::Unknown,
        ticks_hz: 1_000_000,
    };
    Session::new(identity, [sensor()])
}

fn sensor() -> Sensor {
    let (kind, unit) = (SensorKind::Voltage, Unit::Volt);
    Sensor {
        name: "battery_voltage".into(),
        kind,
        unit,
        min: 0.0,
        max: 26.0,
        interval_ms: 100,
    }
}

fn to_host(random: &mut fastrand::Rng) -> ToHost {
    let ticks = random.u64(..) >> random.u64(..64);
    let index = random.u64(..16) as u8;
    match random.u64(..9) {
        0 => ToHost::Greeting(Greeting {
            min: 1,
            current: 1 + random.u64(..3) as u8,
            board: "rp2040-pico".into(),
            firmware: "0.1.0".into(),
            serial: random.u64(..),
            boot: random.u64(..) as u32,
            reset: ResetCause::PowerOn,
            ticks_hz: 1_000_000,
            sensors: random.u64(..4) as u8,
        }),
        1 => ToHost::Sensor {
            index,
            sensor: sensor(),
        },
        2 => ToHost::Fault {
            sensor: index,
            ticks,
            fault: Fault::Absent,
        },
        3 => ToHost::Event {
            ticks,
            event: Event::EmergencyStop {
                engaged: random.u64(..2) == 0,
            },
        },
        4 => ToHost::State {
            ticks,
            emergency_stop: random.u64(..2) == 0,
            indicator: IndicatorLevel::Warning,
            dropped: random.u64(..) as u32,
        },
        5 => ToHost::Log {
            ticks,
            level: LogLevel::Info,
            text: "INA219 found at 0x40".into(),
        },
        6 => ToHost::Pong {
            nonce: random.u64(..) as u32,
            ticks,
        },
        7 => ToHost::Answer {
            sequence: random.u64(..) as u16,
            outcome: Outcome::Done,
        },
        _ => ToHost::Reading {
            sensor: index,
            ticks,
            value: random.u64(..1_000_000) as f32 / 1e3,
        },
    }
}

fn to_mcu(random: &mut fastrand::Rng) -> ToMcu {
    match random.u64(..6) {
        0 => ToMcu::Hello {
            min: 1,
            current: 1 + random.u64(..3) as u8,
        },
        1 => ToMcu::Describe {
            index: random.u64(..16) as u8,
        },
        2 => ToMcu::Rate {
            sensor: random.u64(..16) as u8,
            interval_ms: 10 + random.u64(..3_000_000) as u32,
        },
        3 => ToMcu::Indicator {
            level: IndicatorLevel::Critical,
        },
        4 => ToMcu::Ping {
            nonce: random.u64(..) as u32,
        },
        _ => ToMcu::Configure {
            setting: Setting::Buzzer,
            value: random.u64(..3) as u32,
        },
    }
}
