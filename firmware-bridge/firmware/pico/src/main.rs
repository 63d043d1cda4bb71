//! Board file for the Raspberry Pi Pico, Pico W and Pico 2.
//!
//! | pin | what |
//! |---|---|
//! | USB | the line to the host |
//! | GP4, GP5 | I2C0 SDA, SCL: INA219, if there is one |
//! | GP14 | emergency stop, normally closed to ground (open = engaged) |
//! | GP15 | button to ground |
//! | GP16 | lamp, active high; GP25 (the Pico's own LED) follows it |
//! | GP17 | active buzzer, active high |
//! | GP26 | battery through 47 kΩ over 10 kΩ, when there is no INA219 |
#![no_std]
#![no_main]

mod ina219;
mod usb;

use bridge_app::{Board, Incoming, TICKS_HZ};
use embassy_executor::Spawner;
use embassy_rp::adc::{self, Adc};
use embassy_rp::bind_interrupts;
use embassy_rp::clocks::RoscRng;
use embassy_rp::gpio::{Input, Level, Output, Pull};
use embassy_rp::i2c::{self, I2c};
use embassy_rp::peripherals::I2C0;
use embassy_rp::watchdog::{ResetReason, Watchdog};
use embassy_time::Duration;
use firmware_bridge::mcu::Identity;
use firmware_bridge::mcu::signal::Signal;
use firmware_bridge::message::ResetCause;
use firmware_bridge::sensor::{Fault, Sensor, SensorKind, Unit};
use static_cell::StaticCell;

use crate::ina219::Ina219;
use crate::usb::Line;

bind_interrupts!(struct Irqs {
    ADC_IRQ_FIFO => adc::InterruptHandler;
    I2C0_IRQ => i2c::InterruptHandler<I2C0>;
});

static INCOMING: Incoming = Incoming::new();

/// A turn of the loop takes milliseconds; this long is a hang.
const WATCHDOG: Duration = Duration::from_secs(2);

/// 12 bits at 3.3 V.
const VOLT_PER_STEP: f32 = 3.3 / 4096.0;

/// 47 kΩ over 10 kΩ: full scale at 18.8 V, enough for four cells.
const DIVIDER: f32 = (47.0 + 10.0) / 10.0;

#[cfg(feature = "rp2040")]
const BOARD: &str = "rp2040-pico";
#[cfg(feature = "rp2350")]
const BOARD: &str = "rp2350-pico2";

#[embassy_executor::main]
async fn main(spawner: Spawner) {
    let p = embassy_rp::init(embassy_rp::config::Config::default());
    let mut watchdog = Watchdog::new(p.WATCHDOG);
    let reset = match watchdog.reset_reason() {
        Some(ResetReason::TimedOut) => ResetCause::Watchdog,
        Some(ResetReason::Forced) => ResetCause::Requested,
        None => ResetCause::PowerOn,
    };
    watchdog.start(WATCHDOG);

    #[cfg(feature = "rp2040")]
    let serial = chip_serial(p.FLASH);
    #[cfg(feature = "rp2350")]
    let serial = chip_serial();
    let Ok(line) = usb::start(spawner, p.USB, serial_text(serial), &INCOMING) else {
        // Each task is spawned once, so there is always room; if there were
        // not, the watchdog would start us again.
        return;
    };

    let bus = I2c::new_async(p.I2C0, p.PIN_5, p.PIN_4, Irqs, i2c::Config::default());
    let monitor = Ina219::find(bus).await;
    let board = Pico {
        serial,
        reset,
        sensors: sensors(monitor.is_some()),
        monitor,
        adc: Adc::new(p.ADC, Irqs, adc::Config::default()),
        battery: adc::Channel::new_pin(p.PIN_26, Pull::None),
        chip: adc::Channel::new_temp_sensor(p.ADC_TEMP_SENSOR),
        emergency_stop: Input::new(p.PIN_14, Pull::Up),
        button: Input::new(p.PIN_15, Pull::Up),
        lamp: Output::new(p.PIN_16, Level::Low),
        own_lamp: Output::new(p.PIN_25, Level::Low),
        buzzer: Output::new(p.PIN_17, Level::Low),
        line,
        watchdog,
    };
    bridge_app::run(board, &INCOMING).await
}

struct Pico {
    serial: u64,
    reset: ResetCause,
    sensors: [Sensor; 3],
    monitor: Option<Ina219>,
    adc: Adc<'static, adc::Async>,
    battery: adc::Channel<'static>,
    chip: adc::Channel<'static>,
    emergency_stop: Input<'static>,
    button: Input<'static>,
    lamp: Output<'static>,
    own_lamp: Output<'static>,
    buzzer: Output<'static>,
    line: Line,
    watchdog: Watchdog,
}

/// Positions in the sensor list. The current comes last, because a board
/// without a monitor has none.
const VOLTAGE: u8 = 0;
const TEMPERATURE: u8 = 1;

fn sensors(with_monitor: bool) -> [Sensor; 3] {
    let sensor = |name: &str, kind, unit, min, max| Sensor {
        name: name.into(),
        kind,
        unit,
        min,
        max,
        interval_ms: 500,
    };
    let most_v = if with_monitor { 26.0 } else { 18.9 };
    [
        sensor(
            "battery_voltage",
            SensorKind::Voltage,
            Unit::Volt,
            0.0,
            most_v,
        ),
        sensor(
            "board_temperature",
            SensorKind::Temperature,
            Unit::Celsius,
            -40.0,
            125.0,
        ),
        sensor(
            "battery_current",
            SensorKind::Current,
            Unit::Ampere,
            -3.2,
            3.2,
        ),
    ]
}

impl Pico {
    async fn volts_at(&mut self, which: u8) -> Result<f32, Fault> {
        let channel = if which == VOLTAGE {
            &mut self.battery
        } else {
            &mut self.chip
        };
        let steps = self.adc.read(channel).await.map_err(|_| Fault::Corrupt)?;
        Ok(f32::from(steps) * VOLT_PER_STEP)
    }
}

impl Board for Pico {
    const HAS_BOOTLOADER: bool = true;

    fn identity(&mut self) -> Identity {
        Identity {
            board: BOARD.into(),
            firmware: env!("CARGO_PKG_VERSION").into(),
            serial: self.serial,
            boot: RoscRng.next_u32(),
            reset: self.reset,
            ticks_hz: TICKS_HZ,
        }
    }

    fn sensors(&self) -> &[Sensor] {
        let count = if self.monitor.is_some() { 3 } else { 2 };
        &self.sensors[..count]
    }

    async fn measure(&mut self, sensor: u8) -> Result<f32, Fault> {
        match (sensor, &mut self.monitor) {
            (VOLTAGE, Some(monitor)) => monitor.voltage_v().await,
            (VOLTAGE, None) => Ok(self.volts_at(VOLTAGE).await? * DIVIDER),
            // RP2040 data sheet 4.9.5: 0.706 V at 27 °C, -1.721 mV per degree.
            (TEMPERATURE, _) => Ok(27.0 - (self.volts_at(TEMPERATURE).await? - 0.706) / 0.001_721),
            (_, Some(monitor)) => monitor.current_a().await,
            (_, None) => Err(Fault::Absent),
        }
    }

    fn emergency_stop(&mut self) -> bool {
        self.emergency_stop.is_high()
    }

    fn button(&mut self) -> bool {
        self.button.is_low()
    }

    fn show(&mut self, signal: Signal) {
        self.lamp.set_level(signal.lamp.into());
        self.own_lamp.set_level(signal.lamp.into());
        self.buzzer.set_level(signal.buzzer.into());
    }

    async fn write(&mut self, bytes: &[u8]) {
        self.line.write(bytes).await;
    }

    fn feed_watchdog(&mut self) {
        self.watchdog.feed(WATCHDOG);
    }

    fn enter_bootloader(&mut self) {
        // Both interfaces: the drive to copy to, and picotool's.
        embassy_rp::rom_data::reset_to_usb_boot(0, 0);
    }
}

/// The flash chip's unique number, which stands for the board's.
#[cfg(feature = "rp2040")]
fn chip_serial(flash: embassy_rp::Peri<'static, embassy_rp::peripherals::FLASH>) -> u64 {
    const FLASH_BYTES: usize = 2 * 1024 * 1024;
    let mut flash = embassy_rp::flash::Flash::<_, _, FLASH_BYTES>::new_blocking(flash);
    let mut number = [0; 8];
    match flash.blocking_unique_id(&mut number) {
        Ok(()) => u64::from_be_bytes(number),
        Err(_) => 0,
    }
}

/// The chip's own number.
#[cfg(feature = "rp2350")]
fn chip_serial() -> u64 {
    embassy_rp::otp::get_chipid().unwrap_or(0)
}

/// The serial number as USB tells it; the host shows the same digits.
fn serial_text(serial: u64) -> &'static str {
    static TEXT: StaticCell<firmware_bridge::text::Text<16>> = StaticCell::new();
    let text = firmware_bridge::text::Text::format(format_args!("{serial:016X}"));
    TEXT.init(text).as_str()
}

/// Waits for the watchdog, so that the next greeting tells of it.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {
        cortex_m::asm::nop();
    }
}
