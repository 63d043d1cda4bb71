//! `logs`: the newest lines of `app.log`, or of the journal where no files are kept.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};

use super::args::LogsArgs;

/// The log of everything, in `logging.dir`.
const APP_LOG: &str = "app.log";
/// Unit under which the package runs the gateway.
const UNIT: &str = "mfg-drone-gateway";
/// How often a file is looked at for more.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Most bytes read back for the lines to begin with: thousands of them.
const MOST_BYTES: u64 = 4 * 1024 * 1024;

pub(super) fn logs(args: &LogsArgs) -> anyhow::Result<()> {
    let config = super::load(&args.config)?.config;
    match &config.logging.dir {
        Some(dir) => of_file(&dir.join(APP_LOG), args),
        None => of_journal(args),
    }
}

/// Becomes `journalctl`, which returns only if it cannot be had.
fn of_journal(args: &LogsArgs) -> anyhow::Result<()> {
    let mut journal = Command::new("journalctl");
    journal.args(["--unit", UNIT, "--lines", &args.lines.to_string()]);
    if args.follow {
        journal.arg("--follow");
    }
    if args.json {
        journal.args(["--output", "json"]);
    }
    Err(journal.exec()).context("logging.dir is not set, and journalctl cannot be run")
}

fn of_file(path: &Path, args: &LogsArgs) -> anyhow::Result<()> {
    let about = || format!("{} cannot be read", path.display());
    let mut file = File::open(path).with_context(about)?;
    let length = file.metadata().with_context(about)?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(MOST_BYTES)))?;
    let mut text = String::new();
    read_more(&mut file, &mut text)?;
    // (The last line may not be finished yet; it is shown when it is.)
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    let lines: Vec<&str> = text[..whole].lines().collect();
    for line in lines.iter().skip(lines.len().saturating_sub(args.lines)) {
        show(line, args.json);
    }
    let mut rest = text.split_off(whole);
    if !args.follow {
        return Ok(());
    }
    loop {
        #[expect(
            clippy::disallowed_methods,
            reason = "a program of its own, on its main thread"
        )]
        std::thread::sleep(LOOK_EVERY);
        read_more(&mut file, &mut rest)?;
        while let Some(end) = rest.find('\n') {
            show(&rest[..end], args.json);
            rest.drain(..=end);
        }
        // A full file was laid aside: the new one has another number.
        if is_another(&file, path) {
            file = File::open(path).with_context(about)?;
        }
    }
}

fn read_more(file: &mut File, text: &mut String) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    file.take(MOST_BYTES).read_to_end(&mut bytes)?;
    text.push_str(&String::from_utf8_lossy(&bytes));
    Ok(())
}

fn is_another(file: &File, path: &Path) -> bool {
    let number = |found: std::io::Result<std::fs::Metadata>| Some(found.ok()?.ino());
    let now = number(std::fs::metadata(path));
    now.is_some() && now != number(file.metadata())
}

/// A line as it is, or as JSON: with `logging.format = "json"` it is that already.
fn show(line: &str, as_json: bool) {
    match as_json && serde_json::from_str::<Value>(line).is_err() {
        true => println!("{}", json!({ "line": line })),
        false => println!("{line}"),
    }
}
