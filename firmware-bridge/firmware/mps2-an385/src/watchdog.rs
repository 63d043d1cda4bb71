//! The CMSDK watchdog: Cortex-M System Design Kit TRM (DDI 0479), section 4.7.
//!
//! It counts down at the system clock; the first time at zero raises an
//! interrupt (which nobody handles), the second time resets the machine.

use core::ptr::write_volatile;

const BASE: usize = 0x4000_8000;
const LOAD: usize = 0x000;
const CONTROL: usize = 0x008;
const INTCLR: usize = 0x00c;
const LOCK: usize = 0xc00;

const UNLOCK: u32 = 0x1acc_e551;
/// Counting, and resetting at the second zero.
const COUNT_AND_RESET: u32 = 0b11;
/// One second; bites after two.
const LOAD_CYCLES: u32 = 25_000_000;

pub(crate) fn start() {
    write(LOCK, UNLOCK);
    write(LOAD, LOAD_CYCLES);
    write(CONTROL, COUNT_AND_RESET);
}

pub(crate) fn feed() {
    // Clears the interrupt and reloads the counter.
    write(INTCLR, 1);
}

fn write(register: usize, value: u32) {
    // SAFETY: the aligned registers above exist on this board and have no
    // effect on memory.
    unsafe { write_volatile((BASE + register) as *mut u32, value) }
}
