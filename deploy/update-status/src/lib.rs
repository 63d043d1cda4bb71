//! `status.json`: what the card image's update program says of an update. Format 1.
//!
//! The one interface between two programs that are installed together and yet may be
//! of different versions: the update program (`deploy/updater`) writes it as root, the
//! gateway reads it. Members may be added; words may not change. No file is read or
//! written here.
#![forbid(unsafe_code)]

use serde::{Deserialize, Serialize};

/// The format that is written and read here.
pub const FORMAT: u32 = 1;

/// How far the last update has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// There was none yet.
    #[default]
    Idle,
    /// Its signature, kind of board and version are looked at.
    Verifying,
    /// It is written into the slot that does not run.
    Installing,
    /// It is written, and the board is about to restart into it.
    Rebooting,
    /// It runs and has to prove itself.
    Trying,
    /// It runs and stays.
    Committed,
    /// It did not prove itself; the system before it runs.
    RolledBack,
    /// It was refused, or cut short; nothing has changed.
    Failed,
}

impl State {
    /// Every state.
    pub const ALL: [State; 8] = [
        State::Idle,
        State::Verifying,
        State::Installing,
        State::Rebooting,
        State::Trying,
        State::Committed,
        State::RolledBack,
        State::Failed,
    ];

    /// Its word, in files and in the API.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            State::Idle => "idle",
            State::Verifying => "verifying",
            State::Installing => "installing",
            State::Rebooting => "rebooting",
            State::Trying => "trying",
            State::Committed => "committed",
            State::RolledBack => "rolled_back",
            State::Failed => "failed",
        }
    }

    /// Whether an update is under way, so that no other may begin.
    #[must_use]
    pub const fn is_busy(self) -> bool {
        matches!(
            self,
            State::Verifying | State::Installing | State::Rebooting | State::Trying
        )
    }
}

/// The content of the file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub struct StatusFile {
    /// [`FORMAT`].
    pub format: u32,
    /// How far the last update has come.
    pub state: State,
    /// Why it failed or was left.
    #[serde(default)]
    pub reason: Option<String>,
    /// When that became so, RFC 3339.
    #[serde(default)]
    pub changed_at: Option<String>,
    /// How much of it is written, while it is.
    #[serde(default)]
    pub progress_pct: Option<u8>,
    /// The last update.
    #[serde(default)]
    pub update: UpdateSource,
    /// The slot that runs.
    pub running: SlotStatus,
    /// The slot that does not.
    pub other: SlotStatus,
}

/// An update as it came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct UpdateSource {
    /// Of the request; none from a stick.
    pub id: Option<String>,
    /// `upload` or `stick`.
    pub source: Option<String>,
    /// Of the bundle, once its signature was found good.
    pub version: Option<String>,
}

/// A root slot.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct SlotStatus {
    /// `A` or `B`.
    pub slot: String,
    /// Version of what is in it; none when nothing whole is.
    pub version: Option<String>,
    /// Whether it could be started. Of the one that runs, nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bootable: Option<bool>,
}

impl StatusFile {
    /// Reads the text of the file.
    ///
    /// # Errors
    /// In words: a format that is not [`FORMAT`], or what is not of it.
    pub fn parse(text: &str) -> Result<StatusFile, String> {
        // The format first: of a newer one the rest may mean something else.
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        let head: Head = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if head.format != FORMAT {
            return Err(format!(
                "it has format {}, this gateway reads {FORMAT}",
                head.format
            ));
        }
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    /// The text of the file.
    #[must_use]
    pub fn text(&self) -> String {
        // Texts, numbers and no map: nothing here can be refused. A board must start
        // without its status file all the same.
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As every version before this wrote it; its bytes are the interface.
    const WRITTEN: &str = r#"{"format": 1, "state": "rolled_back", "reason": "its gateway was \"down\"", "changed_at": "2026-11-25T18:00:00Z",
 "progress_pct": null,
 "update": {"id": "0193", "source": "upload", "version": "0.2.0"},
 "running": {"slot": "A", "version": "0.1.0"},
 "other": {"slot": "B", "version": null, "bootable": false}}"#;

    #[test]
    fn what_was_written_is_read_and_written_again() {
        let status = StatusFile::parse(WRITTEN).expect("read");
        assert_eq!(status.state, State::RolledBack);
        assert_eq!(status.reason.as_deref(), Some("its gateway was \"down\""));
        let running = &status.running;
        assert_eq!(
            (&*running.slot, running.version.as_deref()),
            ("A", Some("0.1.0"))
        );
        let other = &status.other;
        assert_eq!(
            (other.version.as_deref(), other.bootable),
            (None, Some(false))
        );
        let squeezed = WRITTEN
            .replace(": ", ":")
            .replace(", ", ",")
            .replace(",\n ", ",");
        assert_eq!(status.text(), format!("{squeezed}\n"));
    }

    #[test]
    fn every_state_has_one_word() {
        for state in State::ALL {
            assert_eq!(serde_json::to_value(state).expect("a word"), state.word());
        }
    }

    #[test]
    fn no_update_begins_during_another() {
        let busy = State::ALL.map(State::is_busy);
        assert_eq!(busy, [false, true, true, true, true, false, false, false]);
    }

    #[test]
    fn a_newer_format_is_named_and_members_may_be_added() {
        let newer = WRITTEN.replace("\"format\": 1", "\"format\": 2");
        let refused = StatusFile::parse(&newer).expect_err("newer");
        assert!(refused.contains("format 2"), "{refused}");
        let more = WRITTEN.replace("\"format\": 1,", "\"format\": 1, \"later\": [1],");
        assert!(StatusFile::parse(&more).is_ok());
        for broken in [
            "",
            "{",
            "{\"format\": 1}",
            &WRITTEN.replace("rolled_back", "flying"),
        ] {
            assert!(StatusFile::parse(broken).is_err(), "{broken}");
        }
    }
}
