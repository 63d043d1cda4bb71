//! Uptime, and whether the wall clock is disciplined.
//!
//! The running kernel is asked (`adjtimex`), whatever daemon keeps the time.
//! On a tree, or where a service's system-call filter refuses that, the file is
//! read that systemd-timesyncd leaves when it has synchronised; it stays for
//! the rest of the boot, so a time source lost later does not show. Without
//! either there is no sensor: unknown, not unsynchronised.

use super::{Draft, Search};
use crate::decode::Decode;
use crate::kernel::{Question, clock_state};
use crate::quantity::{Quantity, Role};
use crate::rates::{CLOCK_MS, UPTIME_MS};

const TIMESYNC: &str = "/run/systemd/timesync";
const UPTIME: &str = "/proc/uptime";
/// A name for people in the place of a path.
const ADJTIMEX: &str = "adjtimex";

pub(super) fn look(search: &mut Search) {
    match kernel_answers(search) {
        true => by_kernel(search),
        false => by_file(search),
    }
    if search.tree.exists(UPTIME) {
        let draft = Draft::new("uptime", Quantity::Duration, Role::Uptime, Decode::Uptime).label("time since boot");
        search.add(UPTIME.to_owned(), UPTIME.to_owned(), UPTIME_MS, vec![draft]);
    }
}

fn kernel_answers(search: &mut Search) -> bool {
    if !search.tree.is_live() {
        return false;
    }
    let answer = Question::Clock.ask(&mut [0; 64]);
    if let Err(error) = answer {
        search.note(format!("adjtimex: {error}; the service's system-call filter may refuse it"));
    }
    answer.is_ok()
}

fn by_kernel(search: &mut Search) {
    let column = |place, per| Decode::answer(place, per, "the kernel does not tell");
    let drafts = vec![
        Draft::new(
            "clock:synchronised",
            Quantity::Flag,
            Role::ClockSynchronised,
            column(clock_state::SYNCHRONISED, 1.0),
        )
        .label("clock synchronised (by the kernel)"),
        Draft::new("clock:max-error", Quantity::Duration, Role::ClockMaxError, column(clock_state::MAX_ERROR, 1e6))
            .label("greatest possible error of the clock"),
    ];
    search.add_question(ADJTIMEX.to_owned(), Question::Clock, CLOCK_MS, drafts);
}

fn by_file(search: &mut Search) {
    if search.tree.exists(TIMESYNC) {
        let draft = Draft::new("clock:synchronised", Quantity::Flag, Role::ClockSynchronised, Decode::Exists)
            .label("clock synchronised (systemd-timesyncd)");
        search.add_marker(format!("{TIMESYNC}/synchronized"), CLOCK_MS, draft);
    } else {
        search.note(
            "systemd-timesyncd does not run here: whether the clock is synchronised is unknown; where another daemon \
             keeps the time, let the service call adjtimex",
        );
    }
}
