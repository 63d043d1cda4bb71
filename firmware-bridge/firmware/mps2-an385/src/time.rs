//! embassy-time over SysTick: a tick a millisecond, counted in software.
//!
//! The emulator's SysTick runs at the 25 MHz system clock. A periodic tick is
//! wasteful on a battery and simple in an emulator, which is what this is for.

use core::cell::{Cell, RefCell};
use core::task::Waker;

use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;
use critical_section::Mutex;
use embassy_time_driver::Driver;
use embassy_time_queue_utils::Queue;

const CYCLES_PER_TICK: u32 = 25_000_000 / 1_000;

struct SysTick {
    // A plain u64: the core has no 64-bit atomics.
    now: Mutex<Cell<u64>>,
    queue: Mutex<RefCell<Queue>>,
}

embassy_time_driver::time_driver_impl!(static DRIVER: SysTick = SysTick {
    now: Mutex::new(Cell::new(0)),
    queue: Mutex::new(RefCell::new(Queue::new())),
});

impl Driver for SysTick {
    fn now(&self) -> u64 {
        critical_section::with(|cs| self.now.borrow(cs).get())
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        critical_section::with(|cs| {
            // Whatever is due is woken at the next tick.
            self.queue.borrow(cs).borrow_mut().schedule_wake(at, waker);
        });
    }
}

/// Starts the clock.
pub(crate) fn start(systick: &mut SYST) {
    systick.set_clock_source(SystClkSource::Core);
    systick.set_reload(CYCLES_PER_TICK - 1);
    systick.clear_current();
    systick.enable_counter();
    systick.enable_interrupt();
}

/// One millisecond went by; called by the SysTick exception.
pub(crate) fn tick() {
    critical_section::with(|cs| {
        let now = DRIVER.now.borrow(cs);
        now.set(now.get() + 1);
        DRIVER
            .queue
            .borrow(cs)
            .borrow_mut()
            .next_expiration(now.get());
    });
}
