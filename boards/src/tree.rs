//! A directory that stands for `/`: the running machine or a captured one.
//!
//! Everything in this crate reads through a [`Tree`], so that detection,
//! discovery and sampling run unchanged on a board that is not here. Links are
//! resolved inside the tree: `/proc/device-tree` is an absolute link on a real
//! system, and a tree somebody sent must not be able to lead out of its folder.
//!
//! It never writes, and never opens anything but regular files: opening
//! `/dev/watchdog` would arm it.

use std::collections::VecDeque;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::manifest::{self, ManifestError};

/// The longest attribute read at discovery. sysfs attributes are at most a
/// page; `/proc/cpuinfo` of a many-core server is the largest file asked for.
pub(crate) const MAX_FILE_BYTES: u64 = 64 * 1024;

/// Entries read from one directory. `/sys/class/net` on a container host is
/// the largest that was seen, with some hundreds.
const MAX_DIR_ENTRIES: usize = 1024;

/// Links followed for one path; the kernel's own limit.
const MAX_LINKS: usize = 40;

/// Whether a sampled file stays open between samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handles {
    /// Keep it open and `pread` it: right for sysfs and procfs, where a removed
    /// device makes the read fail.
    Keep,
    /// Open it for every read: right for ordinary files, where an open
    /// descriptor would go on showing a file that was removed or replaced.
    Reopen,
    /// The same, and pipes are opened and waited for: they hang as a driver does on a bus
    /// that is stuck. For tests.
    #[doc(hidden)]
    Pipes,
}

/// Why a tree could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// The path is missing or unreadable.
    #[error("{path}: {source}; give a directory laid out like / or a capture file", path = path.display())]
    Open {
        /// What was asked for.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The path is a file but not a capture this version understands.
    #[error("{path}: {source}", path = path.display())]
    Manifest {
        /// What was asked for.
        path: PathBuf,
        /// The line and the reason.
        source: ManifestError,
    },
}

/// A root directory that stands for `/`.
#[derive(Debug, Clone)]
pub struct Tree {
    root: PathBuf,
    handles: Handles,
    /// What a search reads, for who waits for it.
    progress: Option<Arc<Progress>>,
    /// Keeps an unpacked capture on disk as long as any clone of the tree lives.
    _unpacked: Option<Arc<tempfile::TempDir>>,
}

/// How far a search is, and where it is not to look.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    reading: Mutex<String>,
    /// Directories of devices that hang.
    avoided: Vec<String>,
}

impl Progress {
    /// The directory of the file that is being read; none between files.
    pub(crate) fn directory(&self) -> Option<String> {
        let reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let (directory, _) = reading.rsplit_once('/')?;
        (!directory.is_empty()).then(|| directory.to_owned())
    }

    fn begin(&self, path: &str) -> io::Result<Reading<'_>> {
        if self.avoids(path) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.set(path);
        Ok(Reading(self))
    }

    fn avoids(&self, path: &str) -> bool {
        self.avoided.iter().any(|avoided| is_inside(path, avoided))
    }

    fn set(&self, path: &str) {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        path.clone_into(&mut reading);
    }
}

/// A file is being read, until this is dropped: however the read ends.
struct Reading<'a>(&'a Progress);

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.0.set("");
    }
}

/// Whether a path is of a directory's own, `hwmon1` not being in `hwmon10`. Nothing is
/// inside a directory that has no name: everything would be.
pub(crate) fn is_inside(path: &str, directory: &str) -> bool {
    let rest = path.strip_prefix(directory);
    !directory.is_empty() && rest.is_some_and(|rest| rest.starts_with('/'))
}

impl Tree {
    /// The running machine.
    pub fn live() -> Self {
        Tree {
            root: PathBuf::from("/"),
            handles: Handles::Keep,
            progress: None,
            _unpacked: None,
        }
    }

    /// A directory laid out like `/`, or a capture file made by
    /// `capture`, which is unpacked into a private temporary
    /// directory. `/` gives [`Tree::live`].
    pub fn open(path: &Path) -> Result<Self, TreeError> {
        let failed = |source| TreeError::Open {
            path: path.to_owned(),
            source,
        };
        let root = path.canonicalize().map_err(failed)?;
        if root == Path::new("/") {
            return Ok(Tree::live());
        }
        if root.is_dir() {
            return Ok(Tree {
                root,
                handles: Handles::Reopen,
                progress: None,
                _unpacked: None,
            });
        }
        let mut text = String::new();
        File::open(&root)
            .map_err(failed)?
            .take(manifest::MAX_BYTES + 1)
            .read_to_string(&mut text)
            .map_err(failed)?;
        Self::from_manifest(&text).map_err(|source| TreeError::Manifest {
            path: path.to_owned(),
            source,
        })
    }

    /// Unpacks the text of a capture.
    pub fn from_manifest(text: &str) -> Result<Self, ManifestError> {
        let dir = manifest::unpack(text)?;
        Ok(Tree {
            root: dir.path().to_owned(),
            handles: Handles::Reopen,
            progress: None,
            _unpacked: Some(Arc::new(dir)),
        })
    }

    /// The same tree with another policy for sampled files.
    #[must_use]
    pub fn with_handles(mut self, handles: Handles) -> Self {
        self.handles = handles;
        self
    }

    /// The same tree for one search, which leaves those directories alone.
    pub(crate) fn watched(&self, avoided: Vec<String>) -> (Self, Arc<Progress>) {
        let progress = Arc::new(Progress {
            avoided,
            ..Progress::default()
        });
        let tree = Tree {
            progress: Some(progress.clone()),
            ..self.clone()
        };
        (tree, progress)
    }

    /// The directory that stands for `/`.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether this is the running machine.
    pub fn is_live(&self) -> bool {
        self.root == Path::new("/")
    }

    pub(crate) fn handles(&self) -> Handles {
        self.handles
    }

    /// Where a path of the tree is on this machine, with every link resolved
    /// inside the tree. On the running machine the path itself is kept: it is
    /// short, and stays right when a device is renumbered under it.
    pub(crate) fn locate(&self, path: &str) -> io::Result<PathBuf> {
        if self.is_live() {
            return Ok(PathBuf::from(path));
        }
        self.resolve(Path::new(path))
    }

    /// A whole file, cut off at 64 KiB.
    pub fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        let progress = self.progress.as_ref();
        let _reading = progress.map(|progress| progress.begin(path)).transpose()?;
        let real = self.locate(path)?;
        // Checked before opening: opening a device node can have effects.
        let kind = fs::metadata(&real)?.file_type();
        let is_pipe = self.handles == Handles::Pipes && kind.is_fifo();
        if !kind.is_file() && !is_pipe {
            return Err(io::Error::other("not a regular file"));
        }
        let mut bytes = Vec::new();
        File::open(real)?
            .take(MAX_FILE_BYTES)
            .read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// A file as one trimmed line of text; `None` when it is missing,
    /// unreadable, or nothing but blanks. The trailing NUL of a device-tree
    /// string is not part of the text.
    pub fn text(&self, path: &str) -> Option<String> {
        let bytes = self.read(path).ok()?;
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_matches(|c: char| c == '\0' || c.is_whitespace());
        (!text.is_empty()).then(|| printable(text))
    }

    /// A file as a number, for limits and scales that do not change.
    pub fn number(&self, path: &str) -> Option<f64> {
        crate::number::decimal(&self.read(path).ok()?).ok()
    }

    /// A device-tree string list: strings, each ended by a NUL.
    pub fn strings(&self, path: &str) -> Vec<String> {
        let Ok(bytes) = self.read(path) else {
            return Vec::new();
        };
        bytes
            .split(|&b| b == 0)
            .map(|s| printable(String::from_utf8_lossy(s).trim()))
            .filter(|s| !s.is_empty())
            .collect()
    }

    /// Whether anything is at the path, and not of a device that hangs.
    pub fn exists(&self, path: &str) -> bool {
        !self.avoids(path) && self.locate(path).is_ok_and(|real| real.exists())
    }

    /// Whether a regular file is at the path: nothing else is opened.
    pub(crate) fn is_file(&self, path: &str) -> bool {
        !self.avoids(path) && self.locate(path).is_ok_and(|real| real.is_file())
    }

    fn avoids(&self, path: &str) -> bool {
        let progress = self.progress.as_ref();
        progress.is_some_and(|progress| progress.avoids(path))
    }

    /// The names in a directory in natural order (`hwmon2` before `hwmon10`);
    /// empty when it is missing, or is of a device that hangs.
    pub fn list(&self, path: &str) -> Vec<String> {
        if self.avoids(&format!("{path}/")) {
            return Vec::new();
        }
        let Ok(entries) = self.locate(path).and_then(fs::read_dir) else {
            return Vec::new();
        };
        let mut names: Vec<String> = entries
            .take(MAX_DIR_ENTRIES)
            .filter_map(|e| e.ok()?.file_name().into_string().ok())
            .collect();
        names.sort_by(|a, b| natural_key(a).cmp(&natural_key(b)));
        names
    }

    /// A path of the tree with every link on the way resolved; `None` where it leads
    /// nowhere.
    pub(crate) fn real(&self, path: &str) -> Option<PathBuf> {
        if self.is_live() {
            return fs::canonicalize(path).ok();
        }
        let real = self.locate(path).ok()?;
        Some(Path::new("/").join(real.strip_prefix(&self.root).ok()?))
    }

    /// A link's target as written.
    pub(crate) fn link_target(&self, path: &str) -> Option<PathBuf> {
        let path = Path::new(path);
        let parent = self.locate(path.parent()?.to_str()?).ok()?;
        fs::read_link(parent.join(path.file_name()?)).ok()
    }

    /// Walks a path one component at a time, so that neither `..` nor an
    /// absolute link leaves the root.
    fn resolve(&self, path: &Path) -> io::Result<PathBuf> {
        let mut todo: VecDeque<OsString> = components(path).collect();
        let mut here = self.root.clone();
        let mut depth = 0_usize;
        let mut links = 0;
        while let Some(name) = todo.pop_front() {
            if name == ".." {
                if depth > 0 {
                    here.pop();
                    depth -= 1;
                }
                continue;
            }
            let next = here.join(&name);
            if !next.symlink_metadata()?.file_type().is_symlink() {
                here = next;
                depth += 1;
                continue;
            }
            links += 1;
            if links > MAX_LINKS {
                return Err(io::Error::other("too many links"));
            }
            let target = fs::read_link(&next)?;
            if target.is_absolute() {
                here = self.root.clone();
                depth = 0;
            }
            for name in components(&target).collect::<Vec<_>>().into_iter().rev() {
                todo.push_front(name);
            }
        }
        Ok(here)
    }
}

fn components(path: &Path) -> impl Iterator<Item = OsString> {
    path.components().filter_map(|c| match c {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some(OsStr::new("..").to_owned()),
        _ => None,
    })
}

/// A text in which nothing but lines moves a terminal, and nothing turns the direction of
/// what follows (Unicode Annex 9): what a device says of itself is a stranger's word.
pub(crate) fn printable(text: &str) -> String {
    let shown = |c: char| match c {
        '\n' | '\t' => c,
        '\u{061C}'
        | '\u{200E}'..='\u{200F}'
        | '\u{2028}'..='\u{202E}'
        | '\u{2066}'..='\u{2069}' => char::REPLACEMENT_CHARACTER,
        _ if c.is_control() => char::REPLACEMENT_CHARACTER,
        _ => c,
    };
    text.chars().map(shown).collect()
}

/// Splits a name before its trailing number, so that numbers sort as numbers.
fn natural_key(name: &str) -> (&str, u64, &str) {
    let digits = name.len() - name.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    let (stem, number) = name.split_at(name.len() - digits);
    (stem, number.parse().unwrap_or(u64::MAX), name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn tree_with(build: impl FnOnce(&Path)) -> (tempfile::TempDir, Tree) {
        let dir = tempfile::tempdir().expect("temporary directory");
        build(dir.path());
        let tree = Tree::open(dir.path()).expect("tree");
        (dir, tree)
    }

    #[test]
    fn absolute_links_stay_inside_the_tree() {
        let (_dir, tree) = tree_with(|root| {
            fs::create_dir_all(root.join("sys/firmware/devicetree/base")).expect("dir");
            fs::create_dir_all(root.join("proc")).expect("dir");
            fs::write(root.join("sys/firmware/devicetree/base/model"), "Board\0").expect("file");
            symlink(
                "/sys/firmware/devicetree/base",
                root.join("proc/device-tree"),
            )
            .expect("link");
            symlink("/etc/passwd", root.join("proc/escape")).expect("link");
            symlink("../../../../etc/passwd", root.join("proc/climb")).expect("link");
            symlink("loop", root.join("proc/loop")).expect("link");
        });
        assert_eq!(
            tree.text("/proc/device-tree/model").as_deref(),
            Some("Board")
        );
        assert!(tree.read("/proc/escape").is_err());
        assert!(tree.read("/proc/climb").is_err());
        assert!(tree.read("/proc/loop").is_err());
        assert!(tree.read("/../../../../etc/passwd").is_err());
    }

    #[test]
    fn only_regular_files_are_opened() {
        let (_dir, tree) = tree_with(|root| fs::create_dir(root.join("temp")).expect("dir"));
        assert!(tree.read("/temp").is_err());
        assert_eq!(tree.text("/temp"), None);
    }

    #[test]
    fn nothing_is_looked_at_in_a_directory_that_hangs() {
        let (_dir, tree) = tree_with(|root| {
            for device in ["a", "ab"] {
                fs::create_dir(root.join(device)).expect("dir");
                fs::write(root.join(device).join("name"), "x").expect("file");
            }
        });
        let (tree, progress) = tree.watched(vec!["/a".to_owned(), String::new()]);
        assert_eq!(
            (tree.exists("/a/name"), tree.is_file("/a/name")),
            (false, false)
        );
        assert!(tree.list("/a").is_empty() && tree.read("/a/name").is_err());
        // An empty name avoids nothing, and a read that fails is over.
        assert!(tree.exists("/ab/name") && tree.read("/ab/missing").is_err());
        assert_eq!(progress.directory(), None);
    }

    #[test]
    fn names_sort_by_their_number() {
        let (_dir, tree) = tree_with(|root| {
            for name in ["hwmon10", "hwmon2", "hwmon1"] {
                fs::create_dir(root.join(name)).expect("dir");
            }
        });
        assert_eq!(tree.list("/"), ["hwmon1", "hwmon2", "hwmon10"]);
    }

    #[test]
    fn a_string_list_is_split_at_its_nuls() {
        let (_dir, tree) = tree_with(|root| {
            fs::write(
                root.join("compatible"),
                "raspberrypi,4-model-b\0brcm,bcm2711\0",
            )
            .expect("file");
        });
        assert_eq!(
            tree.strings("/compatible"),
            ["raspberrypi,4-model-b", "brcm,bcm2711"]
        );
    }
}
