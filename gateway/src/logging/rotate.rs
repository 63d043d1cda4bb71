//! A file that starts anew when it is full and keeps a bounded number of old
//! ones: `app.log`, `app.log.1` … `app.log.N`, newest first.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// See the module.
pub(super) struct RotatingFile {
    path: PathBuf,
    file: File,
    bytes: u64,
    max_bytes: u64,
    kept: usize,
}

impl RotatingFile {
    /// Appends to `path`; at most `kept` old files of `max_bytes` each remain.
    pub(super) fn open(path: &Path, max_bytes: u64, kept: usize) -> io::Result<RotatingFile> {
        let file = append(path)?;
        let bytes = file.metadata()?.len();
        Ok(RotatingFile {
            path: path.to_owned(),
            file,
            bytes,
            max_bytes,
            kept,
        })
    }

    fn rotate(&mut self) -> io::Result<()> {
        let numbered = |n: usize| PathBuf::from(format!("{}.{n}", self.path.display()));
        for n in (1..self.kept).rev() {
            ignore_missing(fs::rename(numbered(n), numbered(n + 1)))?;
        }
        if self.kept == 0 {
            fs::remove_file(&self.path)?;
        } else {
            fs::rename(&self.path, numbered(1))?;
        }
        self.file = append(&self.path)?;
        self.bytes = 0;
        Ok(())
    }
}

impl Write for RotatingFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // Lines come whole, so a line is never split over two files.
        if self.bytes > 0 && self.bytes + line.len() as u64 > self.max_bytes {
            self.rotate()?;
        }
        let written = self.file.write(line)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// For the owner alone: lines name people's keys and where they called from. One of an
/// earlier version becomes so as well.
fn append(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .open(path)?;
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        file.set_permissions(Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

fn ignore_missing(outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(dir)
            .expect("directory")
            .map(|entry| {
                entry
                    .expect("entry")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        names.sort();
        names
    }

    #[test]
    fn full_files_are_numbered_and_the_oldest_goes() {
        let dir = tempfile::tempdir().expect("directory");
        let path = dir.path().join("app.log");
        let mut file = RotatingFile::open(&path, 10, 2).expect("opened");
        for line in ["one-----\n", "two-----\n", "three---\n", "four----\n"] {
            file.write_all(line.as_bytes()).expect("written");
        }
        assert_eq!(names(dir.path()), ["app.log", "app.log.1", "app.log.2"]);
        assert_eq!(fs::read_to_string(&path).expect("read"), "four----\n");
        assert_eq!(
            fs::read_to_string(dir.path().join("app.log.2")).expect("read"),
            "two-----\n"
        );
    }

    #[test]
    fn nobody_else_reads_them() {
        let dir = tempfile::tempdir().expect("directory");
        let path = dir.path().join("security.log");
        fs::write(&path, "of an earlier version\n").expect("written");
        fs::set_permissions(&path, Permissions::from_mode(0o640)).expect("set");
        let mut file = RotatingFile::open(&path, 10, 1).expect("opened");
        file.write_all(b"now\n").expect("written");
        for name in names(dir.path()) {
            let mode = fs::metadata(dir.path().join(&name)).expect("there");
            assert_eq!(mode.permissions().mode() & 0o777, 0o600, "{name}");
        }
        assert_eq!(names(dir.path()), ["security.log", "security.log.1"]);
    }

    #[test]
    fn a_restart_appends() {
        let dir = tempfile::tempdir().expect("directory");
        let path = dir.path().join("app.log");
        for line in ["a\n", "b\n"] {
            RotatingFile::open(&path, 100, 0)
                .expect("opened")
                .write_all(line.as_bytes())
                .expect("written");
        }
        assert_eq!(fs::read_to_string(&path).expect("read"), "a\nb\n");
        let mut file = RotatingFile::open(&path, 3, 0).expect("opened");
        file.write_all(b"c\n").expect("written");
        assert_eq!(names(dir.path()), ["app.log"]);
        assert_eq!(fs::read_to_string(&path).expect("read"), "c\n");
    }
}
