//! What an event makes the executor do: commands to send, and whom to tell the end of
//! theirs.
//!
//! Beside the queue and the down-commands, which both say what to do, so that neither
//! needs the other for it.

use heapless::Vec;
use tello::command::Command;

use crate::sources::vehicles::Outcome;

/// Most commands that wait: what a person asks for during one take-off. At
/// capacity new ones are refused.
pub(super) const MAX_WAITING: usize = 8;

/// Most who wait for one down-command. The eldest of more is told what is known.
pub(super) const MAX_JOINED: usize = 8;

/// What to do next.
#[derive(Debug, PartialEq)]
pub(super) enum Output<T> {
    Send(Command),
    Finish(T, Outcome),
}

/// What one event can cause: the end of every command there is, and some sends.
pub(super) type Outputs<T> = Vec<Output<T>, { MAX_WAITING + MAX_JOINED + 8 }>;

/// Notes what to do.
pub(super) fn put<T>(outputs: &mut Outputs<T>, what: Output<T>) {
    // There is room for the end of every command and some sends, see its type.
    let _ = outputs.push(what);
}
