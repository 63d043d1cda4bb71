//! A directory tree as one text file: what a user mails, and what the tests hold.
//!
//! ```text
//! # boards manifest 1
//! # anything after a hash is a remark
//! /sys/class/thermal/thermal_zone0/temp = "48312\n"
//! /proc/device-tree -> /sys/firmware/devicetree/base
//! /sys/class/power_supply/
//! ```
//!
//! A file's bytes stand between quotes with `\n \t \0 \\ \" \xNN`; a link is an
//! arrow; an empty directory ends in a slash. The format is line based so that
//! a person can read it, search it for what should not be sent, and cut it.
//!
//! Kept apart from [`Tree`](crate::Tree) because it is the one place where text
//! from strangers becomes files: every limit on it is here.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Component, Path, PathBuf};
use std::{fs, io};

/// The first line of every capture; the number changes with the format.
pub(crate) const HEADER: &str = "# boards manifest 1";

/// The largest capture read. A real board's is some tens of kilobytes.
pub(crate) const MAX_BYTES: u64 = 4 * 1024 * 1024;

/// Entries in one capture, so that a small file cannot make a million inodes.
const MAX_ENTRIES: usize = 16 * 1024;

/// Why a capture was refused.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It does not begin with the header of this format.
    #[error("not a boards capture: the first line must be `{HEADER}`")]
    Header,
    /// It is larger than anything a capture can be.
    #[error("larger than {MAX_BYTES} bytes or {MAX_ENTRIES} entries")]
    TooLarge,
    /// A line that is no entry.
    #[error("line {line}: {reason}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The entries could not be written to the temporary directory.
    #[error("unpacking {path}: {source}", path = path.display())]
    Unpack {
        /// The entry.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// What stands at one path of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    File(Vec<u8>),
    Link(String),
    Directory,
}

/// Entries by path, which begin with a slash.
pub(crate) type Entries = BTreeMap<String, Entry>;

/// Parses the text of a manifest.
pub(crate) fn parse(text: &str) -> Result<Entries, ManifestError> {
    if text.len() as u64 > MAX_BYTES {
        return Err(ManifestError::TooLarge);
    }
    if text.lines().next().map(str::trim_end) != Some(HEADER) {
        return Err(ManifestError::Header);
    }
    let mut entries = Entries::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (path, entry) = parse_line(line).map_err(|reason| ManifestError::Line {
            line: number + 1,
            reason,
        })?;
        entries.insert(path.to_owned(), entry);
        if entries.len() > MAX_ENTRIES {
            return Err(ManifestError::TooLarge);
        }
    }
    Ok(entries)
}

fn parse_line(line: &str) -> Result<(&str, Entry), &'static str> {
    let (path, entry) = if let Some((path, quoted)) = line.split_once(" = ") {
        (path, Entry::File(unquote(quoted.trim())?))
    } else if let Some((path, target)) = line.split_once(" -> ") {
        (path, Entry::Link(target.trim().to_owned()))
    } else if let Some(path) = line.strip_suffix('/') {
        (path, Entry::Directory)
    } else {
        return Err("expected `PATH = \"bytes\"`, `PATH -> target` or `PATH/`");
    };
    let path = path.trim();
    let plain = Path::new(path)
        .components()
        .all(|c| matches!(c, Component::RootDir | Component::Normal(_)));
    if !path.starts_with('/') || !plain || path.contains('\0') {
        return Err("a path begins with `/` and has no `..`");
    }
    Ok((path, entry))
}

/// Writes entries as the text of a manifest; `remarks` go under the header.
pub(crate) fn render(entries: &Entries, remarks: &[String]) -> String {
    let mut text = format!("{HEADER}\n");
    for remark in remarks {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "# {}", remark.replace('\n', " "));
    }
    for (path, entry) in entries {
        let _ = match entry {
            Entry::File(bytes) => writeln!(text, "{path} = \"{}\"", quote(bytes)),
            Entry::Link(target) => writeln!(text, "{path} -> {target}"),
            Entry::Directory => writeln!(text, "{path}/"),
        };
    }
    text
}

fn quote(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\n' => out.push_str("\\n"),
                '\t' => out.push_str("\\t"),
                '\0' => out.push_str("\\0"),
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                c if c.is_ascii_control() => {
                    let _ = write!(out, "\\x{:02x}", c as u32);
                }
                c => out.push(c),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out
}

fn unquote(text: &str) -> Result<Vec<u8>, &'static str> {
    let inner = text
        .strip_prefix('"')
        .and_then(|t| t.strip_suffix('"'))
        .ok_or("bytes stand between double quotes")?;
    let mut out = Vec::with_capacity(inner.len());
    let mut bytes = inner.bytes();
    while let Some(b) = bytes.next() {
        match b {
            b'\\' => out.push(unescape(&mut bytes)?),
            b'"' => return Err("a quote inside the bytes is written \\\""),
            _ => out.push(b),
        }
    }
    Ok(out)
}

fn unescape(bytes: &mut impl Iterator<Item = u8>) -> Result<u8, &'static str> {
    const UNKNOWN: &str = "known escapes are \\n \\t \\0 \\\\ \\\" and \\xNN";
    match bytes.next().ok_or(UNKNOWN)? {
        b'n' => Ok(b'\n'),
        b't' => Ok(b'\t'),
        b'0' => Ok(0),
        b'\\' => Ok(b'\\'),
        b'"' => Ok(b'"'),
        b'x' => {
            let mut nibble = || char::from(bytes.next()?).to_digit(16);
            let high = nibble().ok_or(UNKNOWN)?;
            let low = nibble().ok_or(UNKNOWN)?;
            Ok((high * 16 + low) as u8)
        }
        _ => Err(UNKNOWN),
    }
}

/// Unpacks a manifest into a temporary directory that is removed when dropped.
pub(crate) fn unpack(text: &str) -> Result<tempfile::TempDir, ManifestError> {
    let entries = parse(text)?;
    let failed = |path: &str| {
        let path = PathBuf::from(path);
        move |source| ManifestError::Unpack { path, source }
    };
    let dir = tempfile::Builder::new()
        .prefix("boards-tree-")
        .tempdir()
        .map_err(failed("temporary directory"))?;
    // Links last: with none on disk yet, no file can be written through one,
    // so nothing leaves the directory.
    for links in [false, true] {
        for (path, entry) in &entries {
            if matches!(entry, Entry::Link(_)) == links {
                write_entry(dir.path(), path, entry).map_err(failed(path))?;
            }
        }
    }
    Ok(dir)
}

fn write_entry(root: &Path, path: &str, entry: &Entry) -> io::Result<()> {
    let real = root.join(path.trim_start_matches('/'));
    if let Entry::Directory = entry {
        return fs::create_dir_all(real);
    }
    if let Some(parent) = real.parent() {
        fs::create_dir_all(parent)?;
    }
    match entry {
        Entry::File(bytes) => fs::write(real, bytes),
        Entry::Link(target) => symlink(target, real),
        Entry::Directory => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_manifest_unpacks_to_files_links_and_directories() {
        let text =
            format!("{HEADER}\n# remark\n/a/b = \"1\\n\\0\\x02\\\"\\\\\"\n/l -> /a\n/empty/\n");
        let dir = unpack(&text).expect("unpacks");
        assert_eq!(
            fs::read(dir.path().join("a/b")).expect("file"),
            b"1\n\0\x02\"\\"
        );
        assert_eq!(
            fs::read_link(dir.path().join("l")).expect("link"),
            Path::new("/a")
        );
        assert!(dir.path().join("empty").is_dir());
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line() {
        for (body, reason) in [
            ("/a", "expected"),
            ("/a/../b = \"\"", ".."),
            ("a = \"\"", "begins with"),
            ("/a = x", "double quotes"),
            ("/a = \"\\q\"", "known escapes"),
            ("/a = \"\\xZZ\"", "known escapes"),
            ("/a = \"\\", "double quotes"),
        ] {
            let error = parse(&format!("{HEADER}\n{body}"))
                .expect_err(body)
                .to_string();
            assert!(
                error.starts_with("line 2: ") && error.contains(reason),
                "{body}: {error}"
            );
        }
        assert!(matches!(parse("/a = \"\""), Err(ManifestError::Header)));
    }

    #[test]
    fn a_file_under_a_link_is_not_written_through_it() {
        let outside = tempfile::tempdir().expect("temporary directory");
        let text = format!(
            "{HEADER}\n/l -> {}\n/l/planted = \"x\"\n",
            outside.path().display()
        );
        // The directory `/l` exists by the time the link is made: refused.
        assert!(matches!(unpack(&text), Err(ManifestError::Unpack { .. })));
        assert!(!outside.path().join("planted").exists());
    }

    proptest! {
        #[test]
        fn rendering_and_parsing_agree(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let entries = Entries::from([("/f".to_owned(), Entry::File(bytes))]);
            prop_assert_eq!(parse(&render(&entries, &[])).expect("parses"), entries);
        }

        // No assertion: a panic is what fails it (sums and places are checked here).
        #[test]
        fn no_text_makes_it_panic(text in "(?s).{0,200}") {
            let _ = parse(&format!("{HEADER}\n{text}"));
        }
    }
}
