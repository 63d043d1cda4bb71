//! INA219 voltage and current monitor: data sheet SBOS448, section 8.6.
//!
//! Used as it wakes up (32 V range, ±320 mV across the shunt, 12 bits), with
//! the 0.1 Ω shunt of the usual breakout boards.

use embassy_rp::i2c::{Async, I2c};
use embassy_rp::peripherals::I2C0;
use embassy_time::{Duration, with_timeout};
use firmware_bridge::sensor::Fault;

/// Both address pins to ground, as the breakouts come.
const ADDRESS: u16 = 0x40;

const CONFIGURATION: u8 = 0x00;
const SHUNT_VOLTAGE: u8 = 0x01;
const BUS_VOLTAGE: u8 = 0x02;

/// Value of the configuration register after power on.
const CONFIGURATION_AT_START: u16 = 0x399f;

/// Set in the bus-voltage register when the arithmetic overflowed.
const OVERFLOW: u16 = 1;

/// A transfer takes under a millisecond; a bus held low never ends.
const LIMIT: Duration = Duration::from_millis(10);

pub(crate) struct Ina219 {
    bus: I2c<'static, I2C0, Async>,
}

impl Ina219 {
    /// The monitor, if one answers on the bus.
    pub(crate) async fn find(bus: I2c<'static, I2C0, Async>) -> Option<Self> {
        let mut found = Self { bus };
        let configuration = found.register(CONFIGURATION).await.ok()?;
        (configuration == CONFIGURATION_AT_START).then_some(found)
    }

    pub(crate) async fn voltage_v(&mut self) -> Result<f32, Fault> {
        let raw = self.register(BUS_VOLTAGE).await?;
        if raw & OVERFLOW != 0 {
            return Err(Fault::OutOfRange);
        }
        // 4 mV a step, from bit 3.
        Ok(f32::from(raw >> 3) * 0.004)
    }

    pub(crate) async fn current_a(&mut self) -> Result<f32, Fault> {
        let raw = self.register(SHUNT_VOLTAGE).await?;
        // 10 uV a step, signed, over 0.1 ohm.
        Ok(f32::from(raw as i16) * 0.000_1)
    }

    async fn register(&mut self, register: u8) -> Result<u16, Fault> {
        let mut bytes = [0; 2];
        let transfer = self.bus.write_read_async(ADDRESS, [register], &mut bytes);
        match with_timeout(LIMIT, transfer).await {
            Ok(Ok(())) => Ok(u16::from_be_bytes(bytes)),
            Ok(Err(_)) | Err(_) => Err(Fault::Absent),
        }
    }
}
