//! What a drone's reply means. Pure.
//!
//! A reply carries no number: all that can be said is whether it can be the reply to
//! one command at all.

use tello::command::{Command, Query};
use tello::reply::Reply;

use crate::sources::vehicles::Outcome;

/// The question that tells late replies apart.
pub(super) const FENCE: Command = Command::Read(Query::Battery);

/// Whether the drone says that it is busy with something.
pub(super) fn is_busy(words: &str) -> bool {
    words.eq_ignore_ascii_case("not joystick")
}

/// What `reply` means for `command`; `None` when it cannot be its reply.
pub(super) fn judge(command: Command, reply: &Reply<'_>) -> Option<Outcome> {
    // The TT's own controller answers in words of its own, never by `ok` alone.
    let is_read = matches!(command, Command::Read(_) | Command::Extension(_));
    match *reply {
        Reply::Binary | Reply::Noise => None,
        Reply::Ok | Reply::Unactive if is_read => None,
        Reply::Ok => Some(Outcome::Done),
        Reply::Unactive => Some(Outcome::Refused("unactive".to_owned())),
        Reply::Error(_) if command == FENCE => None,
        Reply::Error(words) => Some(Outcome::Refused(
            if words.is_empty() { "error" } else { words }.to_owned(),
        )),
        Reply::Text(text) if is_refusal(text) => {
            (command != FENCE).then(|| Outcome::Refused(text.to_owned()))
        }
        Reply::Text(text) if command == FENCE && text.parse::<u8>().is_err() => None,
        Reply::Text(text) => is_read.then(|| Outcome::Answer(text.to_owned())),
    }
}

fn is_refusal(text: &str) -> bool {
    // (`led error`, `matrix error`: the TT's own controller.)
    text == "out of range"
        || text.ends_with(" error")
        || text == "forced stop"
        || text.starts_with("unknown command")
}
