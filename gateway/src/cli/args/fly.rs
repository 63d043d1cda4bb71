//! `fly DRONE COMMAND …`: the commands and their arguments are made from the table of the
//! SDK's commands, so that a new entry there is a subcommand here, with its help.
//!
//! Lengths stand in their order, as does what is a command's only value; speeds, angles
//! and pads have names. Written out in the SDK's words, which the gateway reads again.

use clap::builder::PossibleValuesParser;
use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches, Subcommand};
use tello::catalog::{COMMANDS, ELSEWHERE, Entry, Kind, Parameter, Unit, entry, pads};
use tello::command::{Direction, Query};

use super::ConfigArgs;

/// Arguments of `fly`.
#[derive(Debug, Args)]
pub struct FlyArgs {
    /// Configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Id of the drone.
    pub drone: String,
    /// What it is to do.
    #[command(subcommand)]
    pub command: FlyCommand,
}

/// A command in the SDK's words.
#[derive(Debug)]
pub struct FlyCommand {
    /// As it is sent to a drone.
    pub text: String,
}

/// Commands without values that the gateway treats in a way of its own.
const PLAIN: &[(&str, &str)] = &[
    ("takeoff", "Take off and hover"),
    ("land", "Land; waiting commands are dropped"),
    ("stop", "Stop and hover; waiting commands are dropped"),
    (
        "emergency",
        "Stop the motors at once, wherever the drone is",
    ),
];

/// Turns.
const TURNS: &[(&str, &str)] = &[("cw", "Turn clockwise"), ("ccw", "Turn counter-clockwise")];

const AMOUNT: &str = "amount";
const TEXT: &str = "text";
const EXT: &str = "ext";
const ASK: &str = "ask";
const WHAT: &str = "what";

/// The SDK's words that are no command here. They are known all the same, so that the
/// gateway's answer says what is done in their place, or why nobody does it.
fn hidden() -> impl Iterator<Item = &'static str> {
    let words = ELSEWHERE.iter().map(|known| known.word);
    words.filter(|word| !is_told(word))
}

/// Whether it is a command of the help.
fn is_told(name: &str) -> bool {
    let word = |known: &&(&str, &str)| known.0 == name;
    PLAIN.iter().chain(TURNS).find(word).is_some()
        || Direction::ALL
            .iter()
            .any(|direction| direction.word() == name)
        || entry(name).is_some()
        || [EXT, ASK].contains(&name)
}

impl Subcommand for FlyCommand {
    fn augment_subcommands(command: Command) -> Command {
        let plain = PLAIN
            .iter()
            .map(|(word, about)| Command::new(*word).about(*about));
        let moves = Direction::ALL.into_iter().map(|direction| {
            let about = format!("Fly {} in a straight line", direction.word());
            Command::new(direction.word())
                .about(about)
                .arg(amount(20, 500, "Centimetres"))
        });
        let turns = TURNS.iter().map(|(word, about)| {
            Command::new(*word)
                .about(*about)
                .arg(amount(1, 360, "Degrees"))
        });
        let text = Arg::new(TEXT).num_args(1..);
        let ext = Command::new(EXT)
            .about("Pass text on to the controller on a TT's back")
            .arg(
                text.clone()
                    .help("What stands behind `EXT`, such as: led 0 255 0")
                    .required(true)
                    .allow_negative_numbers(true),
            );
        let what = Arg::new(WHAT)
            .help("The SDK's word without its question mark")
            .required(true)
            .value_parser(PossibleValuesParser::new(
                Query::ALL.iter().map(|query| query.name()),
            ));
        let ask = Command::new(ASK)
            .about("Ask it something; it answers in its own words")
            .arg(what);
        let text = text
            .help("What stands behind the word")
            .allow_negative_numbers(true);
        let hidden = hidden().map(move |word| {
            Command::new(word)
                .about("No command here: the gateway says what is")
                .hide(true)
                .arg(text.clone())
        });
        command
            .subcommand_required(true)
            .arg_required_else_help(true)
            .subcommands(plain)
            .subcommands(moves)
            .subcommands(turns)
            .subcommands(COMMANDS.iter().map(of_entry))
            .subcommand(ext)
            .subcommand(ask)
            .subcommands(hidden)
    }

    fn augment_subcommands_for_update(command: Command) -> Command {
        Self::augment_subcommands(command)
    }

    fn has_subcommand(name: &str) -> bool {
        is_told(name) || hidden().any(|word| word == name)
    }
}

impl FromArgMatches for FlyCommand {
    fn from_arg_matches(matches: &ArgMatches) -> Result<FlyCommand, clap::Error> {
        let Some((word, given)) = matches.subcommand() else {
            return Err(clap::Error::new(ErrorKind::MissingSubcommand));
        };
        let mut text = match word {
            EXT => "EXT".to_owned(),
            word => word.to_owned(),
        };
        let put = |text: &mut String, value: &str| {
            text.push(' ');
            text.push_str(value);
        };
        if let Ok(Some(what)) = given.try_get_one::<String>(WHAT) {
            text = format!("{what}?");
        } else if let Some(entry) = entry(word) {
            for parameter in entry.parameters {
                if let Some(value) = said(parameter, given) {
                    put(&mut text, &value);
                }
            }
        } else if let Ok(Some(words)) = given.try_get_many::<String>(TEXT) {
            words.for_each(|word| put(&mut text, word));
        } else if let Ok(Some(amount)) = given.try_get_one::<i64>(AMOUNT) {
            put(&mut text, &amount.to_string());
        }
        Ok(FlyCommand { text })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = FlyCommand::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The one number of a move or a turn.
fn amount(low: i64, high: i64, unit: &str) -> Arg {
    Arg::new(AMOUNT)
        .help(format!("{unit}, {low} to {high}"))
        .required(true)
        .value_parser(clap::value_parser!(i64).range(low..=high))
}

fn of_entry(entry: &'static Entry) -> Command {
    let alone = entry.parameters.len() == 1;
    let about = match entry.since_sdk {
        1 => entry.about.to_owned(),
        since => format!("{} (SDK {since}.0)", entry.about),
    };
    let arguments = entry
        .parameters
        .iter()
        .map(|parameter| argument(parameter, alone));
    Command::new(entry.word).about(about).args(arguments)
}

fn argument(parameter: &'static Parameter, alone: bool) -> Arg {
    let help = format!("{}: {}", parameter.about, parameter.kind);
    let argument = Arg::new(parameter.name)
        .help(help)
        .required(!parameter.optional)
        .allow_negative_numbers(true);
    let argument = match parameter.kind {
        Kind::Choice(choices) => argument.value_parser(PossibleValuesParser::new(
            choices.iter().map(|(name, _)| *name),
        )),
        Kind::Number { low, high, .. } => {
            argument.value_parser(clap::value_parser!(i64).range(i64::from(low)..=high.into()))
        }
        Kind::Pad { any } => {
            let (least, most) = pads(any).into_inner();
            let range = i64::from(least)..=i64::from(most);
            argument.value_parser(clap::value_parser!(i64).range(range))
        }
    };
    let is_length = matches!(
        parameter.kind,
        Kind::Number {
            unit: Unit::Centimetres,
            ..
        }
    );
    if alone || is_length {
        argument
    } else {
        argument.long(parameter.name)
    }
}

/// The value that was given for a parameter, as the SDK writes it.
fn said(parameter: &Parameter, given: &ArgMatches) -> Option<String> {
    let number = || given.try_get_one::<i64>(parameter.name).ok().flatten();
    match parameter.kind {
        Kind::Number { .. } => number().map(ToString::to_string),
        Kind::Pad { .. } => number().map(|pad| format!("m{pad}")),
        Kind::Choice(choices) => {
            let name = given.try_get_one::<String>(parameter.name).ok().flatten()?;
            let (_, word) = choices.iter().find(|(known, _)| known == name)?;
            Some((*word).to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::super::{Cli, Command as Top};

    fn text(line: &str) -> Result<String, String> {
        let words = ["mfg-drone-gateway", "fly", "d1"].into_iter();
        let parsed = Cli::try_parse_from(words.chain(line.split(' ')));
        match parsed.map_err(|error| error.to_string())?.command {
            Top::Fly(args) => Ok(args.command.text),
            _ => Err("another command".to_owned()),
        }
    }

    #[test]
    fn a_line_becomes_the_sdk_s_words() {
        for (line, expected) in [
            ("go 100 0 50 --speed 30", "go 100 0 50 30"),
            ("go -100 0 -50 --speed 30 --pad -2", "go -100 0 -50 30 m-2"),
            (
                "curve 50 50 0 100 0 0 --speed 60",
                "curve 50 50 0 100 0 0 60",
            ),
            (
                "jump 0 0 80 --speed 50 --yaw 90 --pad1 1 --pad2 2",
                "jump 0 0 80 50 90 m1 m2",
            ),
            ("flip left", "flip l"),
            ("mdirection both", "mdirection 2"),
            ("speed 50", "speed 50"),
            ("motoron", "motoron"),
            ("takeoff", "takeoff"),
            ("up 50", "up 50"),
            ("cw 90", "cw 90"),
            ("ext led 0 255 0", "EXT led 0 255 0"),
            ("ask wifi", "wifi?"),
            // What is none here goes to the gateway, whose answer says why.
            ("rc 0 -50 0 0", "rc 0 -50 0 0"),
            ("wifi", "wifi"),
            ("battery?", "battery?"),
        ] {
            assert_eq!(text(line), Ok(expected.to_owned()), "{line}");
        }
    }

    #[test]
    fn what_the_table_does_not_allow_is_refused_before_anything_is_asked() {
        for line in [
            "dance",
            "go 501 0 50 --speed 30",
            "go 100 0 50",
            "flip up",
            "up 10",
            "setbitrate 6",
            "jump 0 0 80 --speed 50 --yaw 0 --pad1 -1 --pad2 2",
            "ask weather",
        ] {
            assert!(text(line).is_err(), "{line}");
        }
    }

    #[test]
    fn options_behind_a_text_are_options_and_behind_two_dashes_are_text() {
        let parsed = |line: &str| {
            let words = ["mfg-drone-gateway", "fly", "d1"].into_iter();
            match Cli::try_parse_from(words.chain(line.split(' '))) {
                Ok(Cli {
                    command: Top::Fly(args),
                    ..
                }) => Ok((args.command.text, args.config.config)),
                Ok(_) => Err("another command".to_owned()),
                Err(error) => Err(error.to_string()),
            }
        };
        let file = Some(std::path::PathBuf::from("F"));
        for (line, text, config) in [
            ("ext led 0 255 0 --config F", "EXT led 0 255 0", &file),
            (
                "ext --config F mled l r 2.5 up",
                "EXT mled l r 2.5 up",
                &file,
            ),
            ("ext mled s r -1", "EXT mled s r -1", &None),
            (
                "ext -- mled l r 2.5 --config F",
                "EXT mled l r 2.5 --config F",
                &None,
            ),
            ("ext --config F -- mled s r -", "EXT mled s r -", &file),
            ("wifi site word --config F", "wifi site word", &file),
            ("go 100 0 50 --speed 30 --config F", "go 100 0 50 30", &file),
        ] {
            assert_eq!(
                parsed(line),
                Ok((text.to_owned(), config.clone())),
                "{line}"
            );
        }
        let said = parsed("ext led 0 255 0 --colour").expect_err("no such option");
        assert!(
            said.contains("--colour") && said.contains("'-- --colour'"),
            "{said}"
        );
    }

    #[test]
    fn every_line_is_one_that_the_protocol_reads() {
        for line in ["go 100 0 50 --speed 30 --pad 3", "setfps high", "ext tof?"] {
            let text = text(line).expect("a line");
            assert!(tello::command::Command::parse(&text).is_ok(), "{text}");
        }
    }
}
