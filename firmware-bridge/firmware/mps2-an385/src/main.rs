//! Board file for Arm's MPS2 AN385 as QEMU emulates it: the firmware that runs
//! in the automatic tests, without a board on the desk.
//!
//! The emulated board has no ADC, no sensors and no hands. Its values are made
//! up here, and its second UART stands in for pins: `E`/`e` open and close the
//! emergency-stop circuit, `B`/`b` press and release the button, `L`/`l` drain
//! and charge the battery, `X`/`x` break and mend the temperature sensor, `H`
//! hangs the firmware until the watchdog bites. Lamp and buzzer are written
//! there, one character per change: `*` and `.`, `!` and `-`.
#![no_std]
#![no_main]

mod time;
mod uart;
mod watchdog;

use core::sync::atomic::{AtomicBool, Ordering};

use bridge_app::{Board, Incoming, TICKS_HZ};
use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::NVIC;
use cortex_m_rt::exception;
use embassy_executor::Spawner;
use embassy_time::Instant;
use firmware_bridge::mcu::Identity;
use firmware_bridge::mcu::signal::Signal;
use firmware_bridge::message::ResetCause;
use firmware_bridge::sensor::{Fault, Sensor, SensorKind, Unit};
use uart::Uart;

static INCOMING: Incoming = Incoming::new();

/// The pins a person or a circuit would move.
static EMERGENCY_STOP: AtomicBool = AtomicBool::new(false);
static BUTTON: AtomicBool = AtomicBool::new(false);
static BATTERY_LOW: AtomicBool = AtomicBool::new(false);
static SENSOR_BROKEN: AtomicBool = AtomicBool::new(false);
static HANG: AtomicBool = AtomicBool::new(false);

/// Receive interrupts of the two UARTs: Application Note DAI 0385, table 3-3.
#[derive(Clone, Copy)]
#[repr(u16)]
enum Interrupt {
    LineReceived = 0,
    PinsReceived = 2,
}

// SAFETY: the numbers are those of existing interrupts and never change.
unsafe impl InterruptNumber for Interrupt {
    fn number(self) -> u16 {
        self as u16
    }
}

#[embassy_executor::main]
async fn main(_spawner: Spawner) {
    // Taken once: this is the only task and it never returns.
    if let Some(mut core) = cortex_m::Peripherals::take() {
        time::start(&mut core.SYST);
    }
    watchdog::start();
    Uart::LINE.start();
    Uart::PINS.start();
    for interrupt in [Interrupt::LineReceived, Interrupt::PinsReceived] {
        // SAFETY: everything the handlers touch is static and initialised.
        unsafe { NVIC::unmask(interrupt) };
    }
    bridge_app::run(Mps2::new(), &INCOMING).await
}

struct Mps2 {
    sensors: [Sensor; 3],
    shown: Signal,
}

impl Mps2 {
    fn new() -> Self {
        let sensor = |name: &str, kind, unit, min, max| Sensor {
            name: name.into(),
            kind,
            unit,
            min,
            max,
            interval_ms: 100,
        };
        Self {
            sensors: [
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
            ],
            shown: Signal::default(),
        }
    }
}

impl Board for Mps2 {
    const HAS_BOOTLOADER: bool = false;

    fn identity(&mut self) -> Identity {
        Identity {
            board: "mps2-an385".into(),
            firmware: env!("CARGO_PKG_VERSION").into(),
            serial: 0,
            // The emulator starts every time alike; the host tells a restart
            // by the clock that went back.
            boot: 0,
            reset: ResetCause::Unknown,
            ticks_hz: TICKS_HZ,
        }
    }

    fn sensors(&self) -> &[Sensor] {
        &self.sensors
    }

    async fn measure(&mut self, sensor: u8) -> Result<f32, Fault> {
        while HANG.load(Ordering::Relaxed) {}
        // A saw tooth of ten seconds, so that values can be seen to move.
        let wave = (Instant::now().as_millis() % 10_000) as f32 / 10_000.0;
        match sensor {
            0 if BATTERY_LOW.load(Ordering::Relaxed) => Ok(9.0),
            0 => Ok(11.5 + 0.5 * wave),
            1 => Ok(0.5 + 0.5 * wave),
            _ if SENSOR_BROKEN.load(Ordering::Relaxed) => Err(Fault::Absent),
            _ => Ok(35.0 + 5.0 * wave),
        }
    }

    fn emergency_stop(&mut self) -> bool {
        EMERGENCY_STOP.load(Ordering::Relaxed)
    }

    fn button(&mut self) -> bool {
        BUTTON.load(Ordering::Relaxed)
    }

    fn show(&mut self, signal: Signal) {
        if signal.lamp != self.shown.lamp {
            Uart::PINS.try_send(if signal.lamp { b'*' } else { b'.' });
        }
        if signal.buzzer != self.shown.buzzer {
            Uart::PINS.try_send(if signal.buzzer { b'!' } else { b'-' });
        }
        self.shown = signal;
    }

    async fn write(&mut self, bytes: &[u8]) {
        Uart::LINE.send(bytes).await;
    }

    fn feed_watchdog(&mut self) {
        watchdog::feed();
    }

    fn enter_bootloader(&mut self) {}
}

/// Every interrupt of the chip: without its vector table, all arrive here.
#[exception]
unsafe fn DefaultHandler(number: i16) {
    match number {
        0 => receive_line(),
        2 => receive_pins(),
        _ => {}
    }
}

#[exception]
fn SysTick() {
    time::tick();
}

fn receive_line() {
    while let Some(byte) = Uart::LINE.take() {
        // Full: the byte is lost, the decoder will notice.
        let _ = INCOMING.try_write(&[byte]);
    }
}

fn receive_pins() {
    while let Some(byte) = Uart::PINS.take() {
        let pin = match byte.to_ascii_uppercase() {
            b'E' => &EMERGENCY_STOP,
            b'B' => &BUTTON,
            b'L' => &BATTERY_LOW,
            b'X' => &SENSOR_BROKEN,
            b'H' => &HANG,
            _ => continue,
        };
        pin.store(byte.is_ascii_uppercase(), Ordering::Relaxed);
    }
}

/// Waits for the watchdog.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        cortex_m::asm::nop();
    }
}
