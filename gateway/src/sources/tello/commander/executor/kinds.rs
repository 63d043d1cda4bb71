//! What kinds of commands the executor treats alike.

use tello::catalog::{Course, Effect};
use tello::command::Command;

/// Whether `command` flies the drone, so that it needs control of it.
pub(super) fn flies(command: Command) -> bool {
    let sets_speed = matches!(command, Command::Listed(listed) if listed.entry().word == "speed");
    command.is_manoeuvre()
        || sets_speed
        || command.idles() == Some(true)
        || matches!(command, Command::Rc(_))
}

/// Whether a drone that obeys `command` is gone for a while.
pub(super) fn restarts(command: Command) -> bool {
    matches!(command, Command::Listed(listed) if listed.entry().effect == Effect::Restarts)
}

/// Whether a drone that obeys `command` may sink by it.
pub(super) fn leads_down(command: Command) -> bool {
    match command {
        Command::Rc(_) | Command::Land => true,
        Command::Listed(listed) if listed.entry().effect == Effect::Flies(Course::Flip) => true,
        // Over a pad it may begin higher than it ends; an arc may dip between.
        _ => command
            .way()
            .is_some_and(|way| way.over_pad || way.end_cm < 0 || is_arc(command)),
    }
}

fn is_arc(command: Command) -> bool {
    let arc = Effect::Flies(Course::Arc);
    matches!(command, Command::Listed(listed) if listed.entry().effect == arc)
}
