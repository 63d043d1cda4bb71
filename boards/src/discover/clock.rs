//! Uptime, and whether the wall clock is disciplined.
//!
//! The running kernel is asked (`adjtimex`), whatever daemon keeps the time.
//! Where a service's system-call filter refuses that, chronyd is asked if it is
//! there. Else, and on a tree, the file is read that systemd-timesyncd leaves when
//! it has synchronised; it stays for the rest of the boot, so a time source lost
//! later does not show. Without any there is no sensor: unknown, not
//! unsynchronised.

use super::{Draft, Search};
use crate::decode::Decode;
use crate::kernel::{Chronyd, Question, clock_state};
use crate::quantity::{Quantity, Role};
use crate::rates::{CLOCK_MS, UPTIME_MS};

const TIMESYNC: &str = "/run/systemd/timesync";
const UPTIME: &str = "/proc/uptime";
/// A name for people in the place of a path.
const ADJTIMEX: &str = "adjtimex";

/// Where distributions put the daemon.
const CHRONYD: [&str; 2] = ["/usr/sbin/chronyd", "/usr/bin/chronyd"];
/// A name for people in the place of a path.
const CHRONY: &str = "chronyd, UDP 127.0.0.1:323";

pub(super) fn look(search: &mut Search) {
    if !(by_kernel(search) || by_chrony(search)) {
        by_file(search);
    }
    if search.tree.exists(UPTIME) {
        let draft = Draft::new("uptime", Quantity::Duration, Role::Uptime, Decode::Uptime)
            .label("time since boot");
        search.add(UPTIME.to_owned(), UPTIME.to_owned(), UPTIME_MS, vec![draft]);
    }
}

/// Whether the kernel answers; then it is asked.
fn by_kernel(search: &mut Search) -> bool {
    if !search.tree.is_live() {
        return false;
    }
    let answer = Question::Clock.ask(&mut [0; 64]);
    if let Err(error) = answer {
        search.note(format!(
            "adjtimex: {error}; the service's system-call filter may refuse it"
        ));
        return false;
    }
    ask(
        search,
        ADJTIMEX,
        "by the kernel",
        Question::Clock,
        "the kernel does not tell",
    );
    true
}

/// Whether chronyd keeps the time; then it is asked. One that is installed and
/// does not answer may start later than this program, unless there is timesyncd.
fn by_chrony(search: &mut Search) -> bool {
    if !search.tree.is_live() {
        return false;
    }
    let Ok(mut question) = Chronyd::open().map(Question::Chrony) else {
        return false;
    };
    let mut line = [0; 64];
    let answers = question.ask(&mut line).is_ok() && line[0] != b'-';
    let installed = CHRONYD.iter().any(|path| search.tree.exists(path));
    let there = answers || (installed && !search.tree.exists(TIMESYNC));
    if there {
        ask(
            search,
            CHRONY,
            "by chronyd",
            question,
            "chronyd does not answer, or follows no source yet",
        );
    }
    there
}

fn ask(search: &mut Search, source: &str, whose: &str, question: Question, none: &'static str) {
    let column = |place, per| Decode::answer(place, per, none);
    let drafts = vec![
        Draft::new(
            "clock:synchronised",
            Quantity::Flag,
            Role::ClockSynchronised,
            column(clock_state::SYNCHRONISED, 1.0),
        )
        .label(format!("clock synchronised ({whose})")),
        Draft::new(
            "clock:max-error",
            Quantity::Duration,
            Role::ClockMaxError,
            column(clock_state::MAX_ERROR, 1e6),
        )
        .label("greatest possible error of the clock"),
    ];
    search.add_question(source.to_owned(), question, CLOCK_MS, drafts);
}

fn by_file(search: &mut Search) {
    if search.tree.exists(TIMESYNC) {
        let draft = Draft::new(
            "clock:synchronised",
            Quantity::Flag,
            Role::ClockSynchronised,
            Decode::Exists,
        )
        .label("clock synchronised (systemd-timesyncd)");
        search.add_marker(format!("{TIMESYNC}/synchronized"), CLOCK_MS, draft);
    } else {
        search.note(
            "neither chronyd nor systemd-timesyncd is here: whether the clock is synchronised is unknown; where \
             another daemon keeps the time, let the service call adjtimex",
        );
    }
}
