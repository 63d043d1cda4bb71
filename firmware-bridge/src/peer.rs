//! A simulated board that speaks the real protocol.
//!
//! It runs the very [`crate::mcu::Session`] the firmware runs, over any byte stream or
//! over a pseudo-terminal of its own, with values that move. For tests, for
//! demonstrations, and for trying the gateway without a board. It says
//! `simulated` in its greeting, so that nobody takes it for a real one.
#![expect(
    clippy::disallowed_methods,
    reason = "a thread of its own, in real time"
)]

mod cable;
mod noise;

use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::string::String;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::vec::Vec;

use serialport::{SerialPort, TTYPort};

use crate::frame::MAX_FRAME_BYTES;
use crate::host::{Port, keep_from_children};
use crate::mcu::{Identity, Indication, Session};
use crate::message::{Event, LogLevel, LogText, ResetCause};
use crate::sensor::{Fault, MAX_SENSORS, Sensor, SensorKind, Unit};

pub use cable::{BoardEnd, Cable};
use noise::Line;
pub use noise::Noise;

/// Ticks of the simulated board: microseconds, as on the Pico.
const TICKS_HZ: u32 = 1_000_000;

/// Longest sleep of the simulated board; bounds how late a control is obeyed.
const LONGEST_WAIT: Duration = Duration::from_millis(10);

/// Garbage waiting to be injected; more is cut.
const MAX_INJECTED_BYTES: usize = 64 * 1024;

/// A simulated board, to be run over any byte stream.
#[derive(Debug)]
pub struct SimulatedBoard {
    session: Session,
    started: Instant,
    controls: Controls,
}

impl SimulatedBoard {
    /// A board with battery voltage and current and a temperature, twice a
    /// second. `boot` tells one start from the next.
    #[must_use]
    pub fn new(boot: u32) -> Self {
        let identity = Identity {
            board: "simulated".into(),
            firmware: env!("CARGO_PKG_VERSION").into(),
            serial: 0,
            boot,
            reset: ResetCause::PowerOn,
            ticks_hz: TICKS_HZ,
        };
        Self {
            session: Session::new(identity, sensors()).with_bootloader(),
            started: Instant::now(),
            controls: Controls::default(),
        }
    }

    /// What can be done to the board from outside.
    #[must_use]
    pub fn controls(&self) -> Controls {
        self.controls.clone()
    }

    /// Runs until `stop`, or until the stream ends. Reads on `stream` must time
    /// out by themselves (10 to 100 ms), as those of a serial port do.
    ///
    /// # Errors
    ///
    /// Errors of the stream other than time-outs.
    pub fn run(&mut self, stream: &mut (impl Read + Write), stop: &AtomicBool) -> io::Result<()> {
        let mut incoming = [0; 256];
        while !stop.load(Ordering::Acquire) {
            let outgoing = self.turn();
            stream.write_all(&outgoing)?;
            match stream.read(&mut incoming) {
                Ok(0) => return Ok(()),
                Ok(count) => self.receive(&incoming[..count]),
                Err(error) if is_timeout(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Takes bytes from the host.
    pub fn receive(&mut self, bytes: &[u8]) {
        if self.controls.lock().paused {
            // A stopped board loses what it hears once its buffer is full;
            // losing all of it is the harder case for the host.
            return;
        }
        let now = self.now();
        for byte in bytes {
            // A simulated board has neither bootloader nor buzzer to act on.
            let _ = self.session.receive(*byte, now);
        }
    }

    /// Measures what is due and gives the bytes to send.
    #[must_use]
    pub fn turn(&mut self) -> Vec<u8> {
        let now = self.now();
        let mut outgoing = Vec::new();
        {
            let mut state = self.controls.lock();
            if state.paused {
                return outgoing;
            }
            outgoing.append(&mut state.injected);
            for (event, text) in state.happened.drain(..) {
                match (event, text) {
                    (Some(event), _) => self.session.event(now, event),
                    (None, text) => self.session.log(now, LogLevel::Info, text),
                }
            }
            while let Some(sensor) = self.session.sample_due(now) {
                let value = state.values[usize::from(sensor)];
                let value = value.unwrap_or_else(|| Ok(simulated_value(sensor, now)));
                self.session.sampled(sensor, now, value);
            }
            state.indication = Some(self.session.indication(now));
        }
        let mut buffer = [0; MAX_FRAME_BYTES];
        while let Some(frame) = self.session.next_frame(now, &mut buffer) {
            outgoing.extend_from_slice(frame);
        }
        self.controls.lock().line.carry(&mut outgoing);
        outgoing
    }

    fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

/// What the simulated board measures, in the order of its indices.
#[must_use]
pub fn sensors() -> [Sensor; 3] {
    let sensor = |name: &str, kind, unit, min, max| Sensor {
        name: name.into(),
        kind,
        unit,
        min,
        max,
        interval_ms: 500,
    };
    [
        sensor(
            "battery_voltage",
            SensorKind::Voltage,
            Unit::Volt,
            0.0,
            26.0,
        ),
        sensor(
            "battery_current",
            SensorKind::Current,
            Unit::Ampere,
            -3.2,
            3.2,
        ),
        sensor(
            "board_temperature",
            SensorKind::Temperature,
            Unit::Celsius,
            -40.0,
            125.0,
        ),
    ]
}

/// Slow waves around plausible values.
fn simulated_value(sensor: u8, now_us: u64) -> f32 {
    let seconds = now_us as f32 / 1e6;
    match sensor {
        0 => 11.6 + 0.5 * (seconds / 60.0).sin(),
        1 => 0.8 + 0.3 * (seconds / 7.0).sin(),
        _ => 38.0 + 6.0 * (seconds / 90.0).sin(),
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::TimedOut | ErrorKind::WouldBlock | ErrorKind::Interrupted
    )
}

#[derive(Debug, Default)]
struct ControlState {
    values: [Option<Result<f32, Fault>>; MAX_SENSORS],
    happened: Vec<(Option<Event>, LogText)>,
    injected: Vec<u8>,
    paused: bool,
    line: Line,
    indication: Option<Indication>,
}

/// Hands on a simulated board: what its surroundings and its line do.
#[derive(Debug, Clone, Default)]
pub struct Controls {
    state: Arc<Mutex<ControlState>>,
}

impl Controls {
    /// Fixes what a sensor gives; `None` lets it move by itself again.
    pub fn set_value(&self, sensor: u8, value: Option<Result<f32, Fault>>) {
        if let Some(place) = self.lock().values.get_mut(usize::from(sensor)) {
            *place = value;
        }
    }

    /// Something happens at the board.
    pub fn happen(&self, event: Event) {
        self.push(Some(event), LogText::default());
    }

    /// The firmware logs a line.
    pub fn log(&self, text: &str) {
        self.push(None, LogText::new(text));
    }

    /// Puts bytes on the line that the board never meant to send.
    pub fn inject(&self, bytes: &[u8]) {
        let mut state = self.lock();
        let room = MAX_INJECTED_BYTES - state.injected.len();
        state.injected.extend(bytes.iter().take(room));
    }

    /// Loses and breaks bytes on their way to the host from now on.
    pub fn set_noise(&self, noise: Noise) {
        self.lock().line.noise = noise;
    }

    /// Freezes the board, or lets it go on.
    pub fn pause(&self, paused: bool) {
        self.lock().paused = paused;
    }

    /// What its lamp shows; `None` before it ran.
    #[must_use]
    pub fn indication(&self) -> Option<Indication> {
        self.lock().indication
    }

    fn push(&self, event: Option<Event>, text: LogText) {
        let mut state = self.lock();
        // The board drains this every few milliseconds; a caller faster than
        // that is not simulating anything.
        if state.happened.len() < MAX_SENSORS {
            state.happened.push((event, text));
        }
    }

    fn lock(&self) -> MutexGuard<'_, ControlState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A simulated board on a pseudo-terminal, in a thread of its own. Dropping it
/// pulls the plug.
#[derive(Debug)]
pub struct PtyPeer {
    path: PathBuf,
    link: Option<PathBuf>,
    controls: Controls,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl PtyPeer {
    /// Plugs a simulated board in. With `link`, a symbolic link of that name
    /// leads to the terminal, as udev's do: a name that survives replugging.
    ///
    /// # Errors
    ///
    /// When the system has no pseudo-terminal or thread to give, or the link
    /// cannot be made (an existing link is replaced, anything else is not).
    pub fn plug_in(link: Option<&Path>, boot: u32) -> io::Result<Self> {
        let (master, slave) = TTYPort::pair()?;
        keep_from_children(&slave)?;
        let path = PathBuf::from(slave.name().unwrap_or_default());
        if let Some(link) = link {
            replace_link(&path, link)?;
        }
        let board = SimulatedBoard::new(boot);
        let controls = board.controls();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let port =
            Port::from_tty(master).map_err(|reason| io::Error::other(std::format!("{reason}")))?;
        let thread = thread::Builder::new()
            .name(String::from("bridge-peer"))
            // The slave end is kept open with the board: otherwise the master
            // would see a hang-up whenever the host closes its end.
            .spawn(move || serve(board, port, &slave, &stopped))?;
        Ok(Self {
            path,
            link: link.map(Path::to_path_buf),
            controls,
            stop,
            thread: Some(thread),
        })
    }

    /// The path to open: the link when there is one, else the terminal.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.link.as_deref().unwrap_or(&self.path)
    }

    /// What can be done to the board.
    #[must_use]
    pub fn controls(&self) -> &Controls {
        &self.controls
    }

    /// Pulls the plug: the terminal is gone when this returns.
    pub fn unplug(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(link) = self.link.take() {
            // Only ours; a board plugged in since has its own.
            if std::fs::read_link(&link).is_ok_and(|target| target == self.path) {
                let _ = std::fs::remove_file(&link);
            }
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for PtyPeer {
    fn drop(&mut self) {
        self.end();
    }
}

fn serve(mut board: SimulatedBoard, mut port: Port, _slave: &TTYPort, stop: &AtomicBool) {
    let mut incoming = [0; 256];
    let mut unsent: Vec<u8> = Vec::new();
    while !stop.load(Ordering::Acquire) {
        let fresh = board.turn();
        // Nobody reads: a real UART would lose these bytes too.
        if unsent.len() < MAX_INJECTED_BYTES {
            unsent.extend(fresh);
        }
        match port.write(&unsent) {
            Ok(count) => drop(unsent.drain(..count)),
            Err(_) => return,
        }
        let ready = port.wait(None, !unsent.is_empty(), LONGEST_WAIT);
        if ready.readable {
            match port.read(&mut incoming) {
                Ok(count) => board.receive(&incoming[..count]),
                Err(_) => return,
            }
        }
    }
}

fn replace_link(target: &Path, link: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(link) {
        Ok(found) if found.is_symlink() => std::fs::remove_file(link)?,
        Ok(_) => return Err(io::Error::from(ErrorKind::AlreadyExists)),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    std::os::unix::fs::symlink(target, link)
}
