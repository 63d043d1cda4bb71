//! What is remembered of the last update, and what the gateway is told of it.
//!
//! Two files, both of format 1. `state` (lines `NAME=VALUE`) outlives power cuts
//! and is this program's own. `status.json` is made from it and from the slots at
//! each start, and is the interface to the gateway (`deploy/update-status`).

use std::fmt::Write as _;

use update_status::{FORMAT, SlotStatus, State, StatusFile, UpdateSource};

use crate::slot::{BootState, Slot};

/// What is kept of a reason, in characters: it becomes an alert's text.
pub(crate) const REASON_CHARS: usize = 300;

/// What is remembered of the last update; an empty text stands for none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Status {
    /// How far it has come.
    pub state: State,
    /// Of the request.
    pub id: String,
    /// `upload` or `stick`.
    pub source: String,
    /// Of the bundle, once its signature was found good.
    pub version: String,
    /// Why it failed or was left.
    pub reason: String,
    /// When `state` became so, RFC 3339.
    pub changed: String,
}

impl Status {
    /// Reads the lines of `state`. Unknown names and words are passed over: another
    /// version of this program may have written them, and a board that cannot say
    /// what became of an update must still start.
    #[must_use]
    pub fn parse(text: &str) -> Status {
        let mut status = Status::default();
        for (name, value) in text.lines().filter_map(|line| line.split_once('=')) {
            let place = match name {
                "state" => {
                    let known = State::ALL.into_iter().find(|state| state.word() == value);
                    status.state = known.unwrap_or_default();
                    continue;
                }
                "id" => &mut status.id,
                "source" => &mut status.source,
                "version" => &mut status.version,
                "reason" => &mut status.reason,
                "changed" => &mut status.changed,
                _ => continue,
            };
            value.clone_into(place);
        }
        status
    }

    /// The lines of `state`.
    #[must_use]
    pub fn lines(&self) -> String {
        let mut lines = String::new();
        for (name, value) in [
            ("state", self.state.word()),
            ("id", &self.id),
            ("source", &self.source),
            ("version", &self.version),
            ("reason", &self.reason),
            ("changed", &self.changed),
        ] {
            // (Writing into a string cannot fail.)
            let _ = writeln!(lines, "{name}={value}");
        }
        lines
    }

    /// The line for the log.
    #[must_use]
    pub fn log_line(&self) -> String {
        let part = |before: &str, text: &str| match text {
            "" => String::new(),
            text => format!("{before}{text}"),
        };
        format!(
            "update{}: {}{}",
            part(" to ", &self.version),
            self.state.word(),
            part(": ", &self.reason)
        )
    }
}

/// A reason fit for a line of `state` and for an alert: printable ASCII, bounded.
#[must_use]
pub fn reason(text: &str) -> String {
    let printable = |character: char| match character {
        ' '..='~' => character,
        _ => ' ',
    };
    let text = text.trim_end_matches('\n');
    text.chars().map(printable).take(REASON_CHARS).collect()
}

/// The slots as `status.json` shows them.
#[derive(Clone, Debug)]
pub struct Slots<'a> {
    /// The one that runs.
    pub running: Slot,
    /// The version in it.
    pub running_version: &'a str,
    /// The version in the other one; none when nothing whole is.
    pub other_version: Option<&'a str>,
    /// What the boot script will read.
    pub boot: BootState,
}

/// The content of `status.json`. `progress_pct` is known while a bundle is written.
#[must_use]
pub fn json(status: &Status, slots: &Slots, progress_pct: Option<u8>) -> String {
    let other = slots.running.other();
    let other_version = slots.other_version.and_then(some);
    let shown = |slot: Slot, version: Option<&str>, bootable| SlotStatus {
        slot: slot.name().to_owned(),
        version: version.map(str::to_owned),
        bootable,
    };
    let owned = |text: &str| some(text).map(str::to_owned);
    let bootable = other_version.is_some() && slots.boot.left(other) > 0;
    let file = StatusFile {
        format: FORMAT,
        state: status.state,
        reason: owned(&status.reason),
        changed_at: owned(&status.changed),
        progress_pct,
        update: UpdateSource {
            id: owned(&status.id),
            source: owned(&status.source),
            version: owned(&status.version),
        },
        running: shown(slots.running, some(slots.running_version), None),
        other: shown(other, other_version, Some(bootable)),
    };
    file.text()
}

fn some(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_state_is_read_back() {
        for state in State::ALL {
            let line = format!("state={}\n", state.word());
            assert_eq!(Status::parse(&line).state, state);
        }
    }

    #[test]
    fn what_another_version_wrote_is_passed_over() {
        let text = "state=flying\nid=7\nlater=1\nno line\nversion=0.2.0\n";
        let status = Status::parse(text);
        assert_eq!((status.state, &*status.id), (State::Idle, "7"));
        assert_eq!(status.version, "0.2.0");
    }

    #[test]
    fn the_gateway_reads_these_words() {
        let status = Status {
            state: State::RolledBack,
            source: "stick".to_owned(),
            version: "0.2.0".to_owned(),
            reason: "it said \"no\"".to_owned(),
            changed: "2026-11-25T18:00:00Z".to_owned(),
            ..Status::default()
        };
        let slots = Slots {
            running: Slot::A,
            running_version: "0.1.0",
            other_version: None,
            boot: BootState::new(Some(Slot::A), 3, 0),
        };
        assert_eq!(
            json(&status, &slots, Some(40)),
            concat!(
                r#"{"format":1,"state":"rolled_back","reason":"it said \"no\"","changed_at":"2026-11-25T18:00:00Z","#,
                r#""progress_pct":40,"update":{"id":null,"source":"stick","version":"0.2.0"},"#,
                r#""running":{"slot":"A","version":"0.1.0"},"#,
                r#""other":{"slot":"B","version":null,"bootable":false}}"#,
                "\n"
            )
        );
    }

    #[test]
    fn a_slot_can_be_started_when_it_has_tries_and_a_system() {
        for (other_version, left, bootable) in [
            (Some("0.1.0"), 3, true),
            (Some("0.1.0"), 0, false),
            // A card's other slot is empty until the first update, whatever its tries.
            (None, 3, false),
            (None, 0, false),
        ] {
            let slots = Slots {
                running: Slot::A,
                running_version: "0.1.0",
                other_version,
                boot: BootState::new(Some(Slot::A), 3, left),
            };
            let text = json(&Status::default(), &slots, None);
            let wanted = format!("\"bootable\":{bootable}");
            assert!(text.contains(&wanted), "{other_version:?} {left}: {text}");
        }
    }

    #[test]
    fn the_log_says_what_there_is() {
        let mut status = Status::default();
        assert_eq!(status.log_line(), "update: idle");
        (status.version, status.reason) = ("2".to_owned(), "so".to_owned());
        assert_eq!(status.log_line(), "update to 2: idle: so");
    }

    proptest! {
        /// Whatever a broken program said: what is remembered is read back as it was.
        #[test]
        fn a_reason_is_one_bounded_line(text in any::<String>()) {
            let status = Status { reason: reason(&text), ..Status::default() };
            prop_assert!(status.reason.len() <= REASON_CHARS);
            prop_assert_eq!(Status::parse(&status.lines()), status);
        }
    }
}
