//! `status.json`: what the image's program says of updates. Format 1.
//!
//! Written by root, whole or not at all, read here. A newer format is refused
//! by name rather than guessed at; further members of this one are ignored.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::UpdateError;

/// The format this gateway reads.
const FORMAT: u32 = 1;
/// Longest file read: a few hundred bytes are written.
const MAX_BYTES: u64 = 64 * 1024;

/// How far an update has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// There was none yet.
    Idle,
    /// Signature, kind of board and version are looked at.
    Verifying,
    /// It is written into the slot that does not run.
    Installing,
    /// The board restarts into it.
    Rebooting,
    /// It runs and must prove healthy.
    Trying,
    /// It runs and stays.
    Committed,
    /// It did not prove healthy; the system before it runs.
    RolledBack,
    /// It was refused, or could not be written; nothing has changed.
    Failed,
}

impl State {
    /// As in the file and the API.
    #[must_use]
    pub(crate) const fn name(self) -> &'static str {
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
    pub(crate) const fn is_busy(self) -> bool {
        matches!(
            self,
            State::Verifying | State::Installing | State::Rebooting | State::Trying
        )
    }
}

/// The file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Status {
    /// 1.
    pub format: u32,
    /// How far the last update has come.
    pub state: State,
    /// Why it failed or was left.
    #[serde(default)]
    pub reason: Option<String>,
    /// When that became so, RFC 3339.
    #[serde(default)]
    pub changed_at: Option<String>,
    /// While it is written.
    #[serde(default)]
    pub progress_pct: Option<u8>,
    /// The last update.
    #[serde(default)]
    pub update: Offered,
    /// The slot that runs.
    pub running: Slot,
    /// The slot that does not.
    pub other: Slot,
}

/// An update as it came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Offered {
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
pub(crate) struct Slot {
    /// `A` or `B`.
    pub slot: String,
    /// Version of what is in it; none when nothing whole is.
    pub version: Option<String>,
    /// Whether it could be started. Of the one that runs, nothing is said.
    pub bootable: Option<bool>,
}

impl Status {
    /// Reads the file.
    ///
    /// # Errors
    /// [`UpdateError::NotSupported`] without a file, [`UpdateError::Unreadable`].
    pub(crate) fn read(path: &Path) -> Result<Status, UpdateError> {
        let unreadable = |reason: String| UpdateError::Unreadable {
            path: path.to_owned(),
            reason,
        };
        let mut text = String::new();
        let file = match File::open(path) {
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                return Err(UpdateError::NotSupported(path.to_owned()));
            }
            other => other.map_err(|error| unreadable(error.to_string()))?,
        };
        file.take(MAX_BYTES)
            .read_to_string(&mut text)
            .map_err(|error| unreadable(error.to_string()))?;
        Status::parse(&text).map_err(unreadable)
    }

    fn parse(text: &str) -> Result<Status, String> {
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
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `update` writes it; its bytes are the interface.
    const WRITTEN: &str = r#"{"format": 1, "state": "rolled_back", "reason": "its gateway was \"down\"", "changed_at": "2026-11-25T18:00:00Z",
 "progress_pct": null,
 "update": {"id": "0193", "source": "upload", "version": "0.2.0"},
 "running": {"slot": "A", "version": "0.1.0"},
 "other": {"slot": "B", "version": null, "bootable": false}}"#;

    #[test]
    fn what_the_image_writes_is_read() {
        let status = Status::parse(WRITTEN).expect("read");
        assert_eq!(
            (status.state, status.state.name()),
            (State::RolledBack, "rolled_back")
        );
        assert_eq!(status.reason.as_deref(), Some("its gateway was \"down\""));
        assert_eq!(
            (&*status.running.slot, status.running.version.as_deref()),
            ("A", Some("0.1.0"))
        );
        assert_eq!(
            (status.other.version, status.other.bootable),
            (None, Some(false))
        );
    }

    #[test]
    fn every_state_has_one_name() {
        use State::{
            Committed, Failed, Idle, Installing, Rebooting, RolledBack, Trying, Verifying,
        };
        for state in [
            Idle, Verifying, Installing, Rebooting, Trying, Committed, RolledBack, Failed,
        ] {
            assert_eq!(serde_json::to_value(state).expect("a name"), state.name());
        }
    }

    #[test]
    fn a_newer_format_is_named_and_members_may_be_added() {
        let newer = WRITTEN.replace("\"format\": 1", "\"format\": 2");
        assert!(
            Status::parse(&newer)
                .expect_err("newer")
                .contains("format 2")
        );
        let more = WRITTEN.replace("\"format\": 1,", "\"format\": 1, \"later\": [1],");
        assert!(Status::parse(&more).is_ok());
        for broken in [
            "",
            "{",
            "{\"format\": 1}",
            &WRITTEN.replace("rolled_back", "flying"),
        ] {
            assert!(Status::parse(broken).is_err(), "{broken}");
        }
    }
}
