//! The command line: arguments in, exit code out. Each subcommand is a file.
//!
//! Output for people goes to standard output, complaints to standard error.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line talks to its user"
)]

/// In place of the standard ones, which panic when nobody reads any more:
/// `boards | head -1` is no failure.
macro_rules! print {
    ($($words:tt)*) => {
        crate::cli::show(format_args!($($words)*))
    };
}
macro_rules! println {
    () => {
        print!("\n")
    };
    ($($words:tt)*) => {
        print!("{}\n", format_args!($($words)*))
    };
}

mod alerts;
mod args;
mod board;
mod bridge;
mod certificate;
mod check;
mod colour;
mod config_file;
mod console;
mod diag;
mod down;
mod drones;
mod emergency_stop;
mod firewall;
mod fly;
mod health;
mod keys;
mod keys_qr;
mod lockouts;
mod logs;
mod notify;
mod owner;
mod plan;
mod recordings;
mod rules;
mod run;
mod simulate;
mod state;
mod status;
mod update;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{CommandFactory as _, Parser as _};
use tokio::runtime::Runtime;

use crate::config::{Config, ConfigError, Loaded};
use crate::settings;

pub use args::Cli;
use args::{Command, ConfigArgs};

/// Worker threads: a Pi has four cores and the drones' own programs need some.
const MAX_WORKER_THREADS: usize = 4;
/// Turns of tasks between two looks at sockets and timers. tokio's 61 suits short turns; a
/// client that fills a connection with small requests or frames makes each a millisecond.
const EVENT_INTERVAL: u32 = 8;

/// Exit code for wrong usage or refused settings, as clap uses it; of `check` when
/// `run` would refuse to start.
const EXIT_USAGE: u8 = 2;
/// Exit code of `check` when something outside is missing, of `health --grounded` when a
/// drone is in the air, and of `land-all` and its like when a drone could not be told.
const EXIT_FINDINGS: u8 = 3;

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    run(std::env::args_os())
}

/// The same with these arguments, its own name first.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    match dispatch(Cli::parse_from(arguments).command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            let usage = error.downcast_ref::<ConfigError>().is_some();
            ExitCode::from(if usage { EXIT_USAGE } else { 1 })
        }
    }
}

fn dispatch(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Run(args) => run::run(&args)?,
        Command::Demo(args) => run::demo(&args)?,
        Command::Check(args) => return check::check(&args),
        Command::Health(args) => return health::health(&args),
        Command::Keys(args) => keys::keys(args)?,
        Command::Lockouts(args) => lockouts::lockouts(args)?,
        Command::LandAll(args) => return down::all(&args, "land"),
        Command::StopAll(args) => return down::all(&args, "stop"),
        Command::EmergencyAll(args) => return down::all(&args, "emergency"),
        Command::Fly(args) => return fly::fly(args),
        Command::Plan(args) => return plan::plan(&args),
        Command::Drones(args) => drones::drones(args)?,
        Command::EmergencyStop(args) => emergency_stop::emergency_stop(args)?,
        Command::Cert(args) => certificate::certificate(&args)?,
        Command::Status(args) => status::status(&args)?,
        Command::Logs(args) => logs::logs(&args)?,
        Command::Alerts(args) => alerts::alerts(args)?,
        Command::Rules(args) => return rules::rules(&args),
        Command::Config(args) => config_file::config(&args)?,
        Command::Boards(args) => board::boards(&args)?,
        Command::Bridge(args) => bridge::bridge(&args.command)?,
        Command::Simulate(args) => simulate::simulate(&args)?,
        Command::Backup(args) => state::backup(&args)?,
        Command::Restore(args) => state::restore(&args)?,
        Command::Reset(args) => state::reset(&args)?,
        Command::Notify(args) => notify::notify(&args)?,
        Command::Recordings(args) => return recordings::recordings(&args),
        Command::Firewall(args) => firewall::firewall(&args)?,
        Command::Update(args) => update::update(&args)?,
        Command::Diag(args) => diag::diag(&args)?,
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "mfg-drone-gateway", &mut script);
            show(format_args!("{}", String::from_utf8_lossy(&script)));
        }
        Command::Man { dir: Some(dir) } => clap_mangen::generate_to(Cli::command(), dir)?,
        Command::Man { dir: None } => {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut page)?;
            show(format_args!("{}", String::from_utf8_lossy(&page)));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Writes to standard output. Whoever closed it has read enough: the process ends
/// as if it had done all. Anything else, such as a full disk, is a failure.
#[expect(
    clippy::disallowed_methods,
    reason = "called from deep inside; there is nothing left to say"
)]
fn show(text: std::fmt::Arguments<'_>) {
    use std::io::Write as _;
    if let Err(error) = std::io::stdout().lock().write_fmt(text) {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            std::process::exit(0);
        }
        eprintln!("error: standard output cannot be written to: {error}");
        std::process::exit(1);
    }
}

/// Reads the configuration for a command that works on what it names. What is
/// wrong elsewhere in it is no reason not to list keys.
fn load(args: &ConfigArgs) -> Result<Loaded, ConfigError> {
    let file = args.config.as_deref();
    let loaded = Loaded::read(file, settings::environment(), &args.flags())?;
    warn(&loaded.warnings);
    Ok(loaded)
}

/// Says what is probably a mistake, and harmless.
fn warn(warnings: &[String]) {
    for warning in warnings {
        eprintln!("warning: {warning}");
    }
}

/// The runtime of long-running commands.
fn runtime() -> anyhow::Result<Runtime> {
    let workers = std::thread::available_parallelism()
        .map_or(2, usize::from)
        .clamp(2, MAX_WORKER_THREADS);
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .event_interval(EVENT_INTERVAL)
        .enable_all()
        .build()
        .context("cannot start the runtime")
}

/// The runtime of commands that ask one question.
fn small_runtime() -> anyhow::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")
}

/// The state directory of a configuration, for messages.
fn state_dir(config: &Config) -> &std::path::Path {
    &config.storage.dir
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_argument_is_documented() {
        fn walk(command: &clap::Command) {
            assert!(
                command.get_about().is_some(),
                "{} has no text",
                command.get_name()
            );
            for argument in command
                .get_arguments()
                .filter(|a| !["help", "version"].contains(&a.get_id().as_str()))
            {
                assert!(
                    argument.get_help().is_some(),
                    "{} {} has no text",
                    command.get_name(),
                    argument.get_id()
                );
            }
            command.get_subcommands().for_each(walk);
        }
        walk(&Cli::command());
    }
}
