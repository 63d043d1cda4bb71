//! The cell that keeps the clock while the board is off, where the driver measures it
//! (Raspberry Pi 5: `drivers/rtc/rtc-rpi.c`, µV). Without it the clock is wrong after
//! every power cut until a time server is reached.

use super::{Draft, Search};
use crate::decode::Decode;
use crate::quantity::{Quantity, Role};
use crate::rates::RTC_MS;

const CLASS: &str = "/sys/class/rtc";

pub(super) fn look(search: &mut Search) {
    for clock in search.tree.list(CLASS) {
        let source = format!("{CLASS}/{clock}/battery_voltage");
        if !search.tree.exists(&source) {
            continue;
        }
        let name = format!("rtc:{clock}:battery");
        // Without a cell the input floats: what is under a volt is none.
        let draft = Draft::new(name, Quantity::Voltage, Role::Voltage, Decode::MICRO)
            .label(format!("cell of the clock {clock}"))
            .subject(clock.as_str())
            .range(0.0, 5.0);
        search.add(source.clone(), source, RTC_MS, vec![draft]);
    }
}
