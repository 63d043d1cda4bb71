//! What every board runs, over a thin board file each.
//!
//! The protocol, the sampling schedule and all queues live in
//! `firmware_bridge::mcu`, which the host's tests exercise; here is only the
//! loop that ties it to a board's pins, bus and line. It never allocates, never
//! waits without a limit, and feeds the watchdog only when it came round.
#![no_std]

use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::pipe::Pipe;
use embassy_time::{Duration, Instant, TICK_HZ, with_deadline, with_timeout};
use firmware_bridge::frame::MAX_FRAME_BYTES;
use firmware_bridge::mcu::debounce::Debounced;
use firmware_bridge::mcu::signal::{self, Signal};
use firmware_bridge::mcu::{Action, Identity, Session};
use firmware_bridge::message::{Event, LogLevel, LogText, ResetCause};
use firmware_bridge::sensor::{Fault, Sensor};

/// Bytes from the line on their way to the loop, filled by the board's
/// interrupt or USB task. Several of the largest frames; when full, bytes are
/// lost and the frame they belonged to with them.
pub type Incoming = Pipe<CriticalSectionRawMutex, 256>;

/// Ticks per second of every stamp.
pub const TICKS_HZ: u32 = TICK_HZ as u32;

/// How often inputs are looked at: with three equal looks, a contact that
/// bounces for less than 20 ms gives one event, within 30 ms of it.
const INPUTS_EVERY: Duration = Duration::from_millis(10);

/// A host that takes no byte for so long is not reading; the frame is dropped.
const WRITE_LIMIT: Duration = Duration::from_millis(100);

/// What a board file supplies.
#[allow(async_fn_in_trait, reason = "one task, one executor: no bounds needed")]
pub trait Board {
    /// Who the board is; `ticks_hz` is [`TICKS_HZ`].
    fn identity(&mut self) -> Identity;

    /// Its sensors, in the order [`Board::measure`] counts them.
    fn sensors(&self) -> &[Sensor];

    /// Measures one sensor; must end by itself, within some milliseconds.
    async fn measure(&mut self, sensor: u8) -> Result<f32, Fault>;

    /// Whether the emergency-stop circuit is open now, unfiltered. The circuit
    /// is closed at rest, so that a broken wire stops, too.
    fn emergency_stop(&mut self) -> bool;

    /// Whether the acknowledge button is pressed now, unfiltered.
    fn button(&mut self) -> bool;

    /// Drives lamp and buzzer.
    fn show(&mut self, signal: Signal);

    /// Writes to the line; waits for room.
    async fn write(&mut self, bytes: &[u8]);

    /// Postpones the watchdog.
    fn feed_watchdog(&mut self);

    /// Whether [`Board::enter_bootloader`] does something.
    const HAS_BOOTLOADER: bool;

    /// Leaves for the bootloader. Returns on boards without one.
    fn enter_bootloader(&mut self);
}

/// Runs a board for ever.
pub async fn run(mut board: impl Board, incoming: &Incoming) -> ! {
    let identity = board.identity();
    let mut session = Session::new(identity.clone(), board.sensors().iter().cloned());
    if board.sensors().is_empty() {
        session.log(now(), LogLevel::Warning, LogText::new("no sensors"));
    }
    if has_bootloader(&board) {
        session = session.with_bootloader();
    }
    if identity.reset == ResetCause::Watchdog {
        let text = LogText::new("restarted by the watchdog");
        session.log(now(), LogLevel::Error, text);
    }
    let mut loop_state = Loop {
        session,
        inputs: Inputs::default(),
        buzzer_allowed: true,
        leave: false,
    };
    loop {
        loop_state.turn(&mut board, incoming).await;
    }
}

struct Loop {
    session: Session,
    inputs: Inputs,
    buzzer_allowed: bool,
    leave: bool,
}

impl Loop {
    async fn turn(&mut self, board: &mut impl Board, incoming: &Incoming) {
        board.feed_watchdog();
        self.inputs.look(board, &mut self.session);
        // One sensor a turn: inputs and watchdog wait for no more than one.
        if let Some(sensor) = self.session.sample_due(now()) {
            let value = board.measure(sensor).await;
            self.session.sampled(sensor, now(), value);
        }
        send_waiting(board, &mut self.session).await;
        if self.leave {
            board.enter_bootloader();
        }
        self.show(board);
        self.listen(incoming).await;
    }

    /// Takes bytes until something else is due.
    async fn listen(&mut self, incoming: &Incoming) {
        let inputs_due = Instant::now() + INPUTS_EVERY;
        let wake = Instant::from_ticks(self.session.next_wake(now())).min(inputs_due);
        let mut bytes = [0; 64];
        let Ok(count) = with_deadline(wake, incoming.read(&mut bytes)).await else {
            return;
        };
        for byte in &bytes[..count] {
            match self.session.receive(*byte, now()) {
                Some(Action::Buzzer { allowed }) => self.buzzer_allowed = allowed,
                Some(Action::Bootloader) => self.leave = true,
                None => {}
            }
        }
    }

    fn show(&self, board: &mut impl Board) {
        let ms = Instant::now().as_millis();
        let mut signal = signal::at(self.session.indication(now()), ms);
        signal.buzzer &= self.buzzer_allowed;
        board.show(signal);
    }
}

fn has_bootloader<B: Board>(_: &B) -> bool {
    B::HAS_BOOTLOADER
}

fn now() -> u64 {
    Instant::now().as_ticks()
}

async fn send_waiting(board: &mut impl Board, session: &mut Session) {
    let mut buffer = [0; MAX_FRAME_BYTES];
    while let Some(frame) = session.next_frame(now(), &mut buffer) {
        if with_timeout(WRITE_LIMIT, board.write(frame)).await.is_err() {
            // Nobody reads. What waits is kept or replaced by newer values.
            return;
        }
        board.feed_watchdog();
    }
}

#[derive(Default)]
struct Inputs {
    emergency_stop: Debounced,
    button: Debounced,
}

impl Inputs {
    fn look(&mut self, board: &mut impl Board, session: &mut Session) {
        let ms = Instant::now().as_millis();
        if let Some(engaged) = self.emergency_stop.look(board.emergency_stop(), ms) {
            session.event(now(), Event::EmergencyStop { engaged });
        }
        if let Some(pressed) = self.button.look(board.button(), ms) {
            session.event(now(), Event::Button { index: 0, pressed });
        }
    }
}
