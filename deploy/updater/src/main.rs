//! Installs a signed bundle into the root slot that does not run, starts that slot
//! once, keeps it when it works, and goes back when not.
//!
//! Runs as root on boards that were started from the card image, as
//! `/usr/lib/mfg-image/update`. It observes, performs what the machines of the
//! library decide, and never decides itself. Exit codes: 0 when it did what it was
//! started for or had nothing to do, 1 when an update was refused or something
//! failed, 2 for a command line that it does not know.
#![forbid(unsafe_code)]
#![expect(
    clippy::disallowed_methods,
    reason = "one thread and no runtime: it may sleep, and look at std's clock"
)]

mod board;

use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use board::{Fault, Host, Places};
use mfg_update::machine::{Commit, Deadline, Install, Restart, Settle, deadline};
use mfg_update::{Ended, drive};

const USAGE: &str = "\
update spool           installs the bundle that the gateway laid into the spool
update stick DEVICE    installs the one bundle on a stick
update settle          at every start, before the gateway: what became of an update
update commit          at every start, after it: keep this system, or go back
update deadline        at every start: restart a trial that gets nowhere
";

enum Verb {
    Spool,
    Stick(PathBuf),
    Settle,
    Commit,
    Deadline,
}

impl Verb {
    fn parse(words: &[OsString]) -> Option<Verb> {
        let (verb, rest) = words.split_first()?;
        match (verb.to_str()?, rest) {
            ("spool", []) => Some(Verb::Spool),
            ("stick", [device]) => Some(Verb::Stick(device.into())),
            ("settle", []) => Some(Verb::Settle),
            ("commit", []) => Some(Verb::Commit),
            ("deadline", []) => Some(Verb::Deadline),
            _ => None,
        }
    }
}

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    let Some(verb) = Verb::parse(&words) else {
        log(USAGE.trim_end());
        return ExitCode::from(2);
    };
    match run(&verb) {
        Ok(Ended::Well) => ExitCode::SUCCESS,
        Ok(Ended::Failed) => ExitCode::FAILURE,
        Err(fault) => {
            log(&fault.0);
            ExitCode::FAILURE
        }
    }
}

fn run(verb: &Verb) -> Result<Ended, Fault> {
    let places = Places::under("/");
    // Two that install at once would write the same slot. Judging takes minutes and
    // is not locked: systemd starts the others after it.
    let _alone = match verb {
        Verb::Spool | Verb::Stick(_) | Verb::Settle => Some(board::lock(&places)?),
        Verb::Commit | Verb::Deadline => None,
    };
    let mut host = Host::new(places)?;
    let seen = host.observe();
    Ok(match verb {
        Verb::Spool => drive(&mut Install::from_spool(seen), &mut host),
        Verb::Stick(device) => {
            host.use_stick(device);
            drive(&mut Install::from_stick(seen), &mut host)
        }
        Verb::Settle => drive(&mut Settle::new(&seen), &mut host),
        Verb::Commit => drive(&mut Commit::new(&seen, host.patience()), &mut host),
        Verb::Deadline => wait_for_deadline(&mut host),
    })
}

fn wait_for_deadline(host: &mut Host) -> Ended {
    loop {
        match deadline(host.slot(), &host.boot_state(), board::uptime_s()) {
            Deadline::Over => return Ended::Well,
            Deadline::Wait(pause_s) => std::thread::sleep(Duration::from_secs(pause_s)),
            Deadline::Restart => break,
        }
    }
    let why = "on trial until its deadline and not confirmed: restarting into the other slot";
    drive(&mut Restart::new(why), host)
}

/// To the journal. A log that cannot be written stops nothing.
fn log(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
