//! A password: from a file, or typed where nobody sees it. Never an argument, which every
//! user of the board can read in the list of processes.

use std::fs;
use std::io::{self, IsTerminal as _, Read as _, Stdin, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};

/// Most that is read of a file.
const MAX_BYTES: u64 = 4096;

/// What Ctrl-C sends while signals are off, so that the terminal is left as it was found.
const CTRL_C: u8 = 3;

/// The password; without a file it is asked for.
pub(super) fn read(file: Option<&Path>) -> anyhow::Result<String> {
    match file {
        Some(file) => of_file(file),
        None => typed(),
    }
}

fn of_file(file: &Path) -> anyhow::Result<String> {
    let meta = fs::metadata(file).with_context(|| format!("{} cannot be read", file.display()))?;
    ensure!(
        meta.len() <= MAX_BYTES,
        "{} is no password: it is too long",
        file.display()
    );
    if meta.mode() & 0o077 != 0 {
        eprintln!(
            "warning: others may read {}; `chmod 600` keeps it from them",
            file.display()
        );
    }
    let text =
        fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

fn typed() -> anyhow::Result<String> {
    let input = io::stdin();
    ensure!(
        input.is_terminal(),
        "nobody is there to type the password; --password-file reads it from a file"
    );
    let before = stty(&["-g"]).context("the terminal cannot be told to hide what is typed")?;
    // Without signals: one would end this program and leave the terminal silent.
    stty(&["-echo", "-isig", "eol", "^C"])?;
    print!("Password of the network (it is not shown): ");
    // (Without a line's end it would wait for one.)
    io::stdout().flush()?;
    let line = line(&input);
    let restored = stty(&[before.trim()]);
    println!();
    restored?;
    line?.context("nothing was sent")
}

/// One line; none if Ctrl-C ended it.
fn line(input: &Stdin) -> anyhow::Result<Option<String>> {
    let mut line = Vec::new();
    for byte in input.lock().bytes().take(MAX_BYTES as usize) {
        match byte? {
            CTRL_C => return Ok(None),
            b'\n' | b'\r' => break,
            byte => line.push(byte),
        }
    }
    Ok(Some(String::from_utf8(line)?))
}

/// `stty` on the terminal that is the standard input; what it prints.
fn stty(arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new("stty")
        .args(arguments)
        .stdin(Stdio::inherit())
        .output()
        .context("stty")?;
    ensure!(output.status.success(), "stty: {}", output.status);
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_holds_one_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("password");
        fs::write(&file, "a secret word\r\n").expect("written");
        assert_eq!(read(Some(&file)).expect("readable"), "a secret word");
        fs::write(&file, "x".repeat(5_000)).expect("written");
        assert!(read(Some(&file)).is_err());
        assert!(read(Some(&folder.path().join("none"))).is_err());
    }
}
