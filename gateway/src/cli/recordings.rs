//! `recordings`: what was kept of flights, on this board or in a file from another.
//!
//! Reads files only: it works while the gateway runs and while it does not.

mod replay;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use recording::{Entry, SigningKey};

use super::args::{RecordingsArgs, RecordingsCommand};
use crate::recordings::{Firing, Format, compare, export, trail_number};

/// What `recordings verify` calls the signed audit trail; its folder.
const TRAIL: &str = "audit";

pub(super) fn recordings(args: &RecordingsArgs) -> anyhow::Result<ExitCode> {
    let config = super::load(&args.config)?.config;
    super::owner::become_owner(super::state_dir(&config))?;
    let dir = config.recording.dir_in(super::state_dir(&config));
    match &args.command {
        RecordingsCommand::List { drone, json } => list(&dir, drone.as_deref(), *json)?,
        RecordingsCommand::Export {
            recording,
            format,
            output,
        } => {
            let file = open(&dir, recording)?.1;
            let format = Format::named(format).context("no such format")?;
            match output {
                Some(path) => {
                    let made = File::create_new(path);
                    let made = made.with_context(|| path.display().to_string())?;
                    let mut made = io::BufWriter::new(made);
                    export(format, file, &mut made)?;
                    made.flush().with_context(|| path.display().to_string())?;
                }
                None => to_standard_output(format, file)?,
            }
        }
        RecordingsCommand::Verify { recording, key } => {
            return match recording == TRAIL && !Path::new(TRAIL).exists() {
                true => verify_trail(&dir, key.as_deref()),
                false => verify(&dir, recording, key.as_deref()),
            };
        }
        RecordingsCommand::Replay(args) => {
            let (_, file) = open(&dir, &args.recording)?;
            super::small_runtime()?.block_on(replay::replay(args, file))?;
        }
        RecordingsCommand::Compare { recording, json } => {
            return compared(open(&dir, recording)?.1, *json);
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Whoever closed standard output has read enough: that is no failure.
fn to_standard_output(format: Format, file: File) -> anyhow::Result<()> {
    use crate::recordings::NotExported;
    let mut output = io::BufWriter::new(io::stdout().lock());
    let written = export(format, file, &mut output).and_then(|()| Ok(output.flush()?));
    match written {
        Err(NotExported::Write(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

fn list(dir: &Path, drone: Option<&str>, json: bool) -> anyhow::Result<()> {
    let mut entries = lines(dir)?;
    entries.retain(|entry| drone.is_none_or(|drone| drone == entry.opening.drone_id));
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.opening.started));
    if json {
        println!("{}", serde_json::to_string_pretty(&entries)?);
        return Ok(());
    }
    println!(
        "{:<40}  {:<20}  {:>9}  {:>11}  {:>6}  {:<11}  PINNED",
        "ID", "STARTED", "SECONDS", "BYTES", "ALERTS", "ENDED"
    );
    for entry in entries {
        let ended = entry.closing.as_ref().map(|closing| closing.reason);
        let ended = serde_json::to_value(ended)?;
        println!(
            "{:<40}  {:<20}  {:>9.1}  {:>11}  {:>6}  {:<11}  {}",
            entry.id(),
            format!("{:.0}", entry.opening.started),
            entry.duration_us as f64 / 1e6,
            entry.size_bytes,
            entry
                .closing
                .as_ref()
                .map_or(0, |closing| closing.counts.alerts),
            ended.as_str().unwrap_or("damaged"),
            if entry.pinned { "yes" } else { "no" },
        );
    }
    Ok(())
}

/// The lines of the recordings that have ended.
fn lines(dir: &Path) -> anyhow::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    let files = fs::read_dir(dir).with_context(|| {
        let dir = dir.display();
        format!("{dir}: no flight was recorded here yet, or recording.dir is elsewhere")
    })?;
    for file in files {
        let path = file?.path();
        if path.extension().is_some_and(|end| end == "json") {
            let text = fs::read(&path).with_context(|| path.display().to_string())?;
            entries.extend(serde_json::from_slice::<Entry>(&text));
        }
    }
    Ok(entries)
}

/// The recording of that name: a file, or the id of one on this board.
fn open(dir: &Path, name: &str) -> anyhow::Result<(PathBuf, File)> {
    let path = Path::new(name);
    let path = match path.exists() {
        true => path.to_owned(),
        false => dir.join(format!("{name}.mfr")),
    };
    let file = File::open(&path).with_context(|| {
        format!(
            "there is neither a file {name} nor a recording {}",
            path.display()
        )
    })?;
    Ok((path, file))
}

fn compared(file: File, json: bool) -> anyhow::Result<ExitCode> {
    let comparison = compare(file)?;
    let agrees = comparison.agrees();
    if json {
        println!("{}", serde_json::to_string_pretty(&comparison)?);
    } else {
        let show = |word: &str, firings: &[Firing]| {
            for Firing { at_s, rule } in firings {
                println!("{at_s:>9.1} s  {word:<13}  {rule}");
            }
        };
        show("same", &comparison.same);
        show("only recorded", &comparison.only_recorded);
        show("only now", &comparison.only_now);
        let (states, same) = (comparison.states, comparison.same.len());
        let parted = comparison.only_recorded.len() + comparison.only_now.len();
        println!("{states} states; {same} alerts are the same, {parted} differ");
    }
    Ok(if agrees {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Verifies the files of the audit trail, and that none is missing between two.
fn verify_trail(dir: &Path, key: Option<&str>) -> anyhow::Result<ExitCode> {
    let folder = dir.join(TRAIL);
    let files = fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
    let name = |file: io::Result<fs::DirEntry>| -> anyhow::Result<Option<(u32, PathBuf)>> {
        let path = file?.path();
        let is_whole = path.extension().is_some_and(|end| end == "mfr");
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        let number = stem.filter(|_| is_whole).and_then(trail_number);
        Ok(number.map(|number| (number, path)))
    };
    let found: anyhow::Result<Vec<_>> = files.filter_map(|file| name(file).transpose()).collect();
    let mut found = found?;
    found.sort();
    anyhow::ensure!(!found.is_empty(), "{}: no file has ended", folder.display());
    let mut last = None;
    for (number, path) in found {
        let path = path.to_str().context("a name that is no text")?;
        print!("{number:06} ");
        if verify(dir, path, key)? != ExitCode::SUCCESS {
            return Ok(ExitCode::FAILURE);
        }
        // (The oldest go by themselves; between two none does.)
        if last.is_some_and(|last| last + 1 != number) {
            println!("broken before {number:06}: at least one file is missing there");
            return Ok(ExitCode::FAILURE);
        }
        last = Some(number);
    }
    Ok(ExitCode::SUCCESS)
}

fn verify(dir: &Path, name: &str, key: Option<&str>) -> anyhow::Result<ExitCode> {
    let (path, file) = open(dir, name)?;
    let report = recording::verify(file).with_context(|| path.display().to_string())?;
    if let Some(fault) = &report.fault {
        println!(
            "broken at link {}, {:.1} s after its beginning, byte {}: {}",
            fault.link,
            fault.at_us as f64 / 1e6,
            fault.offset,
            fault.what
        );
        println!(
            "what is before it is as it was written: {} links",
            report.links
        );
        return Ok(ExitCode::FAILURE);
    }
    let opening = report.opening.context("it has no opening")?;
    let signed = &opening.public_key;
    println!(
        "whole: {} records, {} links, {:.1} s of {} by {}, from {:.0}",
        report.records,
        report.links,
        report.duration_us as f64 / 1e6,
        opening.drone_id,
        opening.gateway,
        opening.started
    );
    // (Opening a key would make one: only where one is.)
    let here = dir.join("device.key");
    let here = here
        .exists()
        .then(|| SigningKey::open(&here).ok())
        .flatten();
    let wanted = key.map(str::to_owned).or(here.map(|key| key.public()));
    match wanted {
        Some(wanted) if wanted.eq_ignore_ascii_case(signed) => {
            println!("signed by the key that was expected, {signed}");
        }
        Some(wanted) => {
            println!("signed by another key, {signed}, and not by {wanted}");
            return Ok(ExitCode::FAILURE);
        }
        None => println!(
            "signed by {signed}; whose key that is, GET /api/recordings/ID of its gateway tells"
        ),
    }
    Ok(ExitCode::SUCCESS)
}
