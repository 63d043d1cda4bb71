//! Uptime, and whether the wall clock is disciplined.
//!
//! The kernel keeps the answer behind `adjtimex`, which no safe crate in use
//! here reads. systemd-timesyncd leaves a file when it has synchronised, which
//! is what `systemd-time-wait-sync` and boot targets go by; it stays for the rest
//! of the boot, so a time source lost later does not show. Where another
//! daemon keeps the time there is no sensor: unknown, not unsynchronised.

use super::{Draft, Search};
use crate::decode::Decode;
use crate::quantity::{Quantity, Role};
use crate::rates::{CLOCK_MS, UPTIME_MS};

const TIMESYNC: &str = "/run/systemd/timesync";
const UPTIME: &str = "/proc/uptime";

pub(super) fn look(search: &mut Search) {
    if search.tree.exists(TIMESYNC) {
        let draft = Draft::new("clock:synchronised", Quantity::Flag, Role::ClockSynchronised, Decode::Exists)
            .label("clock synchronised (systemd-timesyncd)");
        search.add_marker(format!("{TIMESYNC}/synchronized"), CLOCK_MS, draft);
    } else {
        search.note("systemd-timesyncd does not run here: whether the clock is synchronised is unknown");
    }
    if search.tree.exists(UPTIME) {
        let draft = Draft::new("uptime", Quantity::Duration, Role::Uptime, Decode::Uptime).label("time since boot");
        search.add(UPTIME.to_owned(), UPTIME.to_owned(), UPTIME_MS, vec![draft]);
    }
}
