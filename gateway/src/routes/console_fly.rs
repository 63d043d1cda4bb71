//! One command to one drone for whoever stands at the board, over the control socket: the
//! same judgement as of a request, in the name of `console`.
//!
//! It belongs to no session: a command line that has ended looks at no drone. So nothing
//! keeps the drone in the air after it but the next command, and that is said.

use std::net::Ipv4Addr;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tello::catalog::elsewhere;
use tello::command::{Command, CommandError};

use super::down_all::console;
use super::drone_call::{ended, refused};
use super::sdk_commands::flown;
use crate::http::envelope::ApiError;
use crate::http::state::App;

/// Gives `drone` the command that `text` is in the SDK's words, and waits for its end: what
/// came of it, or why nothing did.
pub(crate) fn by_console(
    app: &Arc<App>,
    drone: String,
    text: String,
) -> BoxFuture<'static, Result<String, String>> {
    let app = Arc::clone(app);
    Box::pin(async move {
        let command = command(&text)?;
        let by = console();
        let pending = app.vehicles.command(&drone, command, &by).await;
        let tell = |what: String| {
            let here = Ipv4Addr::LOCALHOST.into();
            let said = format!("{drone}: {command}, {what}");
            app.access.record_flight(&by.name, None, here, &said);
        };
        let pending = pending.map_err(|error| {
            tell(format!("not taken: {error}"));
            words(&refused(command, error))
        })?;
        tell(format!("command {}", pending.id()));
        let mut said = ended(&drone, command, pending.settled().await)?;
        if command.is_manoeuvre() {
            said.push_str("; it lands by itself 15 s after its last command");
        }
        Ok(said)
    })
}

/// What may be given so: what flies, sets and brings down. Video, sticks and the link are
/// not for one line of text.
fn command(text: &str) -> Result<Command, String> {
    let command = Command::parse(text).map_err(|error| match error {
        // (Of what is known its word alone is said: a password may stand behind it.)
        CommandError::Unknown => match elsewhere(first_word(text)) {
            Some(known) => known.to_string(),
            None => format!("{text:?} is no command"),
        },
        CommandError::Malformed => format!("{text:?} lacks a value, or has one too many"),
        CommandError::OutOfRange => format!("a number of {text:?} is out of its range"),
    })?;
    match command {
        Command::Listed(listed) => flown(listed).map_err(|error| words(&error)),
        Command::EnterSdk
        | Command::StreamOn
        | Command::StreamOff
        | Command::Rc(_)
        | Command::Ports { .. } => Err(match elsewhere(first_word(text)) {
            Some(known) => known.to_string(),
            None => format!("{text:?} is not for the command line"),
        }),
        command => Ok(command),
    }
}

fn first_word(text: &str) -> &str {
    text.split_ascii_whitespace().next().unwrap_or_default()
}

fn words(error: &ApiError) -> String {
    error.message().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_line_of_text_may_do_is_told_from_the_rest() {
        for text in [
            "takeoff",
            "up 50",
            "go 100 0 50 30",
            "EXT led 0 0 0",
            "stop",
        ] {
            assert_eq!(
                command(text).map(|it| it.to_string()),
                Ok(text.to_owned()),
                "{text}"
            );
        }
        for (text, why) in [
            ("dance", "no command"),
            ("go 1 2", "lacks"),
            ("up 501", "range"),
            ("rc 0 0 0 0", "`sticks`"),
            ("port 9000 9001", "drones.state_port"),
            ("streamon", "camera/stream/start"),
            ("wifi site secret123", "vendor's app"),
            ("ap site secret123", "drones join"),
            ("multiwifi site secret123", "not passed on"),
            ("go 1 2 3 30", "20 cm"),
        ] {
            let said = command(text).expect_err(text);
            assert!(said.contains(why) && !said.contains("secret"), "{said}");
        }
    }
}
