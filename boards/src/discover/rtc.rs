//! The cell that keeps the clock while the board is off, where the driver measures it
//! (Raspberry Pi 5: `drivers/rtc/rtc-rpi.c`, µV). Without it the clock is wrong after
//! every power cut until a time server is reached.

use super::{Draft, Search};
use crate::decode::Decode;
use crate::location::Location;
use crate::quantity::{Quantity, Role};
use crate::rates::RTC_MS;

const CLASS: &str = "/sys/class/rtc";

pub(super) fn look(search: &mut Search) {
    for clock in search.tree.list(CLASS) {
        let source = format!("{CLASS}/{clock}/battery_voltage");
        if !search.tree.exists(&source) {
            continue;
        }
        let name = |clock: &str| format!("rtc:{clock}:battery");
        // Its number is of this boot: another clock may be plugged in before.
        let place = Location::of(search.tree, &format!("{CLASS}/{clock}")).key();
        let own = name(place.as_deref().unwrap_or(&clock));
        // Without a cell the input floats: what is under a volt is none.
        let draft = Draft::new(own.clone(), Quantity::Voltage, Role::Voltage, Decode::MICRO)
            .formerly(name(&clock))
            .label(format!("cell of the clock {clock}"))
            .subject(clock.as_str())
            .range(0.0, 5.0);
        search.add(source, own, RTC_MS, vec![draft]);
    }
}
