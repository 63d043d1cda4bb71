//! Starts the tools of the image and hears what they say.
//!
//! What a tool prints goes into memory files, not pipes: a tool that says much never
//! waits for a reader, and one that leaves a child behind is not waited for.

use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::MemfdFlags;

use super::Fault;

/// The most that is kept of what a tool prints, in bytes.
const SAID_BYTES: u64 = 64 * 1024;
/// How often a tool with a time limit is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Runs a tool, for `limit` at most. What it printed, or why it failed: the last line
/// that it said, or else how it ended.
pub(super) fn run(command: &mut Command, limit: Option<Duration>) -> Result<String, Fault> {
    let name = shown(command);
    let (out, err) = (memory(&name)?, memory(&name)?);
    let child = command
        .stdin(Stdio::null())
        .stdout(writer(&out, &name)?)
        .stderr(writer(&err, &name)?)
        .spawn();
    let mut child = child.map_err(|error| Fault(format!("{name}: {error}")))?;
    let ended = match limit {
        None => child.wait(),
        Some(limit) => wait_at_most(&mut child, limit),
    };
    let ended = ended.map_err(|error| Fault(format!("{name}: {error}")))?;
    if ended.success() {
        return Ok(beginning(&out));
    }
    let last_line = end(&err)
        .lines()
        .last()
        .unwrap_or_default()
        .trim()
        .to_owned();
    Err(Fault(if last_line.is_empty() {
        format!("{name} {} and said nothing", how(ended))
    } else {
        last_line
    }))
}

/// The exit code of a tool that is asked nothing else; none when it gave none.
pub(super) fn code(command: &mut Command, limit: Duration) -> Option<i32> {
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    wait_at_most(&mut child.ok()?, limit).ok()?.code()
}

/// Runs a tool that reads `input`.
pub(super) fn feed(command: &mut Command, input: &str) -> Result<(), Fault> {
    let name = shown(command);
    let fault = |error: std::io::Error| Fault(format!("{name}: {error}"));
    let err = memory(&name)?;
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(writer(&err, &name)?)
        .spawn()
        .map_err(fault)?;
    if let Some(mut stdin) = child.stdin.take() {
        match stdin.write_all(input.as_bytes()) {
            // It did not want to hear it: how it ends says why.
            Err(error) if error.kind() != ErrorKind::BrokenPipe => return Err(fault(error)),
            _ => {}
        }
    }
    let ended = child.wait().map_err(fault)?;
    if ended.success() {
        return Ok(());
    }
    let said = end(&err);
    let last_line = said.lines().last().unwrap_or_default().trim();
    Err(Fault(format!("{name} {}: {last_line}", how(ended))))
}

/// The command as a person would write it.
fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}

fn how(ended: ExitStatus) -> String {
    match ended.code() {
        Some(code) => format!("ended with {code}"),
        None => format!("was ended ({ended})"),
    }
}

/// Waits for a child; one that takes longer is killed.
fn wait_at_most(child: &mut Child, limit: Duration) -> std::io::Result<ExitStatus> {
    let began = Instant::now();
    loop {
        if let Some(ended) = child.try_wait()? {
            return Ok(ended);
        }
        if began.elapsed() >= limit {
            child.kill()?;
            return child.wait();
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

fn memory(name: &str) -> Result<File, Fault> {
    let made = rustix::fs::memfd_create("said", MemfdFlags::CLOEXEC);
    let made =
        made.map_err(|error| Fault(format!("{name}: no memory for what it says: {error}")))?;
    Ok(made.into())
}

fn writer(memory: &File, name: &str) -> Result<File, Fault> {
    let copied = memory.try_clone();
    copied.map_err(|error| Fault(format!("{name}: {error}")))
}

fn beginning(memory: &File) -> String {
    piece(memory, 0)
}

fn end(memory: &File) -> String {
    let length = memory.metadata().map_or(0, |about| about.len());
    piece(memory, length.saturating_sub(SAID_BYTES))
}

fn piece(memory: &File, from: u64) -> String {
    let length = memory.metadata().map_or(0, |about| about.len());
    let mut bytes = vec![0; (length - from.min(length)).min(SAID_BYTES) as usize];
    let read = memory.read_at(&mut bytes, from).unwrap_or(0);
    bytes.truncate(read);
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A stick; unmounted when this is dropped.
#[derive(Debug)]
pub(super) struct Mounted(PathBuf);

impl Mounted {
    /// Mounts what a stranger may have made: nothing on it can be run or written.
    pub(super) fn read_only(device: &Path, place: &Path) -> Result<Mounted, Fault> {
        std::fs::create_dir_all(place).map_err(|error| Fault::at(place, &error))?;
        let mut mount = Command::new("mount");
        mount.args(["-o", "ro,nosuid,nodev,noexec"]);
        run(mount.arg(device).arg(place), None)?;
        Ok(Mounted(place.to_owned()))
    }

    pub(super) fn place(&self) -> &Path {
        &self.0
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // At once also when something still holds it: the stick may be pulled.
        if let Err(fault) = run(Command::new("umount").arg("-l").arg(&self.0), None) {
            crate::log(&fault.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_tool_that_fails_is_told_of_by_its_last_words() {
        let said = run(
            &mut shell("echo first; echo one >&2; echo two >&2; exit 4"),
            None,
        );
        assert_eq!(said.expect_err("it failed").0, "two");
        let silent = run(&mut shell("exit 4"), None).expect_err("it failed").0;
        assert_eq!(silent, "sh -c exit 4 ended with 4 and said nothing");
        assert_eq!(run(&mut shell("echo well"), None).expect("well"), "well\n");
    }

    #[test]
    fn a_tool_that_is_not_there_is_named() {
        let none = run(&mut Command::new("/nowhere/tool"), None);
        let why = none.expect_err("none").0;
        assert!(why.starts_with("/nowhere/tool: "), "{why}");
    }

    #[test]
    fn a_tool_that_says_too_much_keeps_its_last_words() {
        let script = "i=0; while [ $i -lt 3000 ]; do echo 'many words, again and again' >&2; i=$((i+1)); done; echo last >&2; exit 1";
        assert_eq!(
            run(&mut shell(script), None).expect_err("it failed").0,
            "last"
        );
    }

    #[test]
    fn a_tool_that_hangs_is_ended() {
        let limit = Some(Duration::from_millis(100));
        let fault = run(&mut shell("exec sleep 60"), limit)
            .expect_err("ended")
            .0;
        assert!(fault.contains("was ended"), "{fault}");
        assert_eq!(
            code(&mut shell("exec sleep 60"), Duration::from_millis(100)),
            None
        );
        assert_eq!(code(&mut shell("exit 3"), Duration::from_secs(60)), Some(3));
    }

    #[test]
    fn a_tool_is_fed() {
        feed(&mut shell("read -r line && [ \"$line\" = A=1 ]"), "A=1\n").expect("read");
        let fault = feed(&mut shell("cat >/dev/null; echo no >&2; exit 1"), "A=1\n");
        assert!(fault.expect_err("refused").0.ends_with("ended with 1: no"));
    }
}
