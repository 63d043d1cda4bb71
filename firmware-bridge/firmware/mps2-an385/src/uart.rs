//! The CMSDK UART: Cortex-M System Design Kit TRM (DDI 0479), section 4.3.

use core::ptr::{read_volatile, write_volatile};

use embassy_time::Timer;

const DATA: usize = 0x00;
const STATE: usize = 0x04;
const CTRL: usize = 0x08;
const INTCLEAR: usize = 0x0c;
const BAUDDIV: usize = 0x10;

const STATE_TX_FULL: u32 = 1 << 0;
const STATE_RX_FULL: u32 = 1 << 1;
/// Transmitter, receiver, and the receive interrupt.
const CTRL_RUN: u32 = 0b1011;
const INT_RX: u32 = 1 << 1;

/// 25 MHz system clock at 115 200 baud.
const DIVIDER_115200: u32 = 25_000_000 / 115_200;

/// One UART of the board.
#[derive(Clone, Copy)]
pub(crate) struct Uart {
    base: usize,
}

impl Uart {
    /// The line to the host.
    pub(crate) const LINE: Self = Self { base: 0x4000_4000 };
    /// Stands in for the pins an emulator has no hands for.
    pub(crate) const PINS: Self = Self { base: 0x4000_5000 };

    pub(crate) fn start(self) {
        self.write(BAUDDIV, DIVIDER_115200);
        self.write(CTRL, CTRL_RUN);
    }

    /// A received byte, and clears the interrupt.
    pub(crate) fn take(self) -> Option<u8> {
        self.write(INTCLEAR, INT_RX);
        (self.read(STATE) & STATE_RX_FULL != 0).then(|| self.read(DATA) as u8)
    }

    /// Sends bytes, waiting for room in the one-byte buffer.
    pub(crate) async fn send(self, bytes: &[u8]) {
        for byte in bytes {
            while self.read(STATE) & STATE_TX_FULL != 0 {
                Timer::after_ticks(1).await;
            }
            self.write(DATA, u32::from(*byte));
        }
    }

    /// Sends a byte if there is room; a lamp must not wait.
    pub(crate) fn try_send(self, byte: u8) {
        if self.read(STATE) & STATE_TX_FULL == 0 {
            self.write(DATA, u32::from(byte));
        }
    }

    fn read(self, register: usize) -> u32 {
        // SAFETY: `base` is one of the two UARTs above, `register` one of the
        // aligned offsets above; reading has no effect on memory.
        unsafe { read_volatile((self.base + register) as *const u32) }
    }

    fn write(self, register: usize, value: u32) {
        // SAFETY: as above; these registers steer the UART alone.
        unsafe { write_volatile((self.base + register) as *mut u32, value) }
    }
}
