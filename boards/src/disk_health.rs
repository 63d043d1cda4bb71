//! What NVMe disks say of their wear, asked by one program and read by another.
//!
//! The question takes `CAP_SYS_ADMIN`, and a service that is reached from the network must
//! not have that. So a small one of root's asks now and then ([`ask_disks`]; the package's
//! `mfg-drone-disks.timer`) and leaves one line a disk below `/run`, which all may read:
//!
//! ```text
//! nvme1 351.52 0 3 100 10 9c07a2f4e1b35d60
//! ```
//!
//! the version, the kernel's uptime as it was asked (no clock is set back or forth in it,
//! and `/run` is of this boot), the warnings as bits, rated life used, spare left and its
//! limit in %, and a digest of the serial number: another disk may have that name by now.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use crate::kernel::{HEALTH_PAGE_BYTES, health_page};
use crate::number::{decimal, fields};
use crate::sensor::Absence;
use crate::tree::Tree;

/// Where the lines lie.
pub(crate) const DIRECTORY: &str = "/run/mfg-drone-disks";
/// The controllers of the disks.
pub(crate) const CLASS: &str = "/sys/class/nvme";
/// First word of a line.
const VERSION: &[u8] = b"nvme1";
/// A line that is older says nothing of now: three questions were missed, and the time a
/// timer may be late.
const MAX_AGE_S: f64 = 40.0 * 60.0;
/// More than any board has; what is more is left alone.
const MAX_DISKS: usize = 16;

/// What a disk says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Health {
    /// The critical warnings, as the specification's bits.
    warnings: u8,
    /// Of the rated life, %; it may go on to 255.
    used: u8,
    /// Spare blocks left, %, and below how many the disk warns.
    spare: (u8, u8),
}

/// One of the disk's own warnings (NVM Express base specification, figure 93).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Warning {
    /// The spare blocks are below their limit.
    Spare,
    /// Errors of the medium, or inside of the disk, make it unreliable.
    Unreliable,
    /// It takes no more writes.
    ReadOnly,
    /// What keeps its memory over a power cut has failed.
    Backup,
}

impl Warning {
    const fn bit(self) -> u8 {
        // Bit 1 is the temperature, which the kernel shows as an alarm of the disk's chip.
        match self {
            Warning::Spare => 0,
            Warning::Unreliable => 2,
            Warning::ReadOnly => 3,
            Warning::Backup => 4,
        }
    }
}

/// One value of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said {
    /// Rated life used, %.
    Used,
    /// Spare blocks left, %.
    Spare,
    /// Whether it warns.
    Warns(Warning),
}

impl Said {
    /// The value in a line, which `/proc/uptime` of now and the disk's serial number
    /// follow, each behind an empty line.
    pub(crate) fn apply(self, bytes: &[u8]) -> Result<f64, Absence> {
        let (line, rest) = halves(bytes)?;
        let (uptime, serial) = halves(rest)?;
        let mut words = fields(line);
        if words.next() != Some(VERSION) {
            return Err(Absence::NotANumber);
        }
        let mut next = || words.next().unwrap_or_default();
        let at_s = decimal(next())?;
        let mut byte = || decimal(next()).and_then(as_byte);
        let (warnings, used, spare) = (byte()?, byte()?, byte()?);
        byte()?;
        if next() != digest(serial).as_slice() {
            return Err(Absence::Unavailable("what was asked was another disk"));
        }
        let now_s = decimal(fields(uptime).next().unwrap_or_default())?;
        // (One from the future was not written in this boot.)
        if !(0.0..=MAX_AGE_S).contains(&(now_s - at_s)) {
            return Err(Absence::Outdated);
        }
        Ok(match self {
            Said::Used => f64::from(used),
            Said::Spare => f64::from(spare),
            Said::Warns(what) => f64::from(warnings >> what.bit() & 1),
        })
    }
}

fn as_byte(value: f64) -> Result<u8, Absence> {
    let is_byte = value.fract() == 0.0 && (0.0..=255.0).contains(&value);
    is_byte
        .then_some(value as u8)
        .ok_or(Absence::Implausible(value))
}

/// What is before and behind the first empty line.
fn halves(bytes: &[u8]) -> Result<(&[u8], &[u8]), Absence> {
    let at = bytes.windows(2).position(|two| two == b"\n\n");
    let at = at.ok_or(Absence::NotANumber)?;
    Ok((&bytes[..at], &bytes[at + 2..]))
}

/// Sixteen hexadecimal digits that stand for a serial number (FNV-1a): the same for the
/// same disk, and not its number.
fn digest(serial: &[u8]) -> [u8; 16] {
    let hash = serial
        .trim_ascii()
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
    let mut digits = [0; 16];
    for (place, digit) in digits.iter_mut().enumerate() {
        *digit = b"0123456789abcdef"[(hash >> (60 - 4 * place) & 0xf) as usize];
    }
    digits
}

impl Health {
    /// What a log page says, if it is one: nothing else has 0 K and no spare, or more than
    /// all of it.
    fn of(page: &[u8; HEALTH_PAGE_BYTES]) -> Option<Health> {
        let kelvin = u16::from_le_bytes([page[1], page[2]]);
        let health = Health {
            warnings: page[0],
            used: page[5],
            spare: (page[3], page[4]),
        };
        let is_page = kelvin > 0 && health.spare.0 <= 100 && health.spare.1 <= 100;
        is_page.then_some(health)
    }

    fn line(self, uptime_s: &str, serial: &[u8]) -> String {
        let Health {
            warnings,
            used,
            spare: (spare, least),
        } = self;
        let version = String::from_utf8_lossy(VERSION);
        let digest = digest(serial);
        let digest = String::from_utf8_lossy(&digest);
        format!("{version} {uptime_s} {warnings} {used} {spare} {least} {digest}\n")
    }
}

/// Asks every NVMe disk of a tree for its wear, and writes what each says to `/run`. For
/// root, on the running machine. What came of it, a disk each: an answer, or why there is
/// none. Of a disk that gives none, what it said before grows old.
///
/// # Errors
/// The directory cannot be written, or the kernel tells no uptime.
pub fn ask_disks(tree: &Tree) -> io::Result<Vec<(String, io::Result<()>)>> {
    let directory = tree.root().join(DIRECTORY.trim_start_matches('/'));
    fs::create_dir_all(&directory)?;
    let mut disks = tree.list(CLASS);
    disks.truncate(MAX_DISKS);
    // One that was taken out has said its last.
    for old in fs::read_dir(&directory)?.flatten() {
        let name = old.file_name();
        if !disks.iter().any(|disk| **disk == *name) {
            fs::remove_file(old.path())?;
        }
    }
    let uptime = tree.read("/proc/uptime")?;
    let uptime = String::from_utf8_lossy(&uptime);
    let uptime = uptime.split(' ').next().unwrap_or_default().to_owned();
    let asked = disks.into_iter().map(|disk| {
        let answer = ask(tree, &disk).and_then(|health| {
            let line = health.line(&uptime, &serial(tree, &disk));
            put(&directory, &disk, &line)
        });
        (disk, answer)
    });
    Ok(asked.collect())
}

fn ask(tree: &Tree, disk: &str) -> io::Result<Health> {
    let node = tree.root().join("dev").join(disk);
    // Of its controller: looked at before it is opened.
    if !fs::metadata(&node)?.file_type().is_char_device() {
        return Err(io::Error::other(format!("{} is no device", node.display())));
    }
    let page = health_page(&File::open(&node)?)?;
    Health::of(&page).ok_or_else(|| io::Error::other("its answer is no health page"))
}

/// As who reads the line will read it, who takes a dash for one that is not there.
fn serial(tree: &Tree, disk: &str) -> Vec<u8> {
    let serial = tree.read(&format!("{CLASS}/{disk}/serial")).ok();
    let serial = serial.filter(|serial| !serial.is_empty());
    serial.unwrap_or_else(|| b"-".to_vec())
}

/// Whole or not at all, whatever happens meanwhile.
fn put(directory: &Path, disk: &str, line: &str) -> io::Result<()> {
    let new = directory.join(format!(".{disk}.new"));
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o644);
    let mut file = options.open(&new)?;
    // Whatever the umask says: who reads it is another user.
    file.set_permissions(fs::Permissions::from_mode(0o644))?;
    file.write_all(line.as_bytes())?;
    fs::rename(&new, directory.join(disk))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page as a used disk of the trade gives it: 41 °C, spare 100 % (limit 10 %), 3 % of
    /// its life used, 1,2 TB read; laid out by figure 93 of the specification.
    fn page() -> [u8; HEALTH_PAGE_BYTES] {
        let mut page = [0; HEALTH_PAGE_BYTES];
        page[1..3].copy_from_slice(&314_u16.to_le_bytes());
        (page[3], page[4], page[5]) = (100, 10, 3);
        page[32..48].copy_from_slice(&2_343_750_u128.to_le_bytes());
        page[200..202].copy_from_slice(&314_u16.to_le_bytes());
        page
    }

    fn read(line: &str, serial: &str, uptime: &str, what: Said) -> Result<f64, Absence> {
        what.apply(format!("{line}\n{uptime} 1390.11\n\n{serial}\n").as_bytes())
    }

    #[test]
    fn what_a_page_says_is_what_is_read() {
        let mut worn = page();
        (worn[0], worn[3], worn[5]) = (0b0000_1001, 4, 104);
        let health = Health::of(&worn).expect("a page");
        let line = health.line("351.52", b"S3CRET  ");
        assert!(!line.contains("S3CRET"), "{line}");
        let now = |what| read(&line, "S3CRET", "600.00", what);
        assert_eq!(now(Said::Used), Ok(104.0));
        assert_eq!(now(Said::Spare), Ok(4.0));
        for (warning, set) in [
            (Warning::Spare, 1.0),
            (Warning::Unreliable, 0.0),
            (Warning::ReadOnly, 1.0),
            (Warning::Backup, 0.0),
        ] {
            assert_eq!(now(Said::Warns(warning)), Ok(set), "{warning:?}");
        }
    }

    #[test]
    fn what_is_old_or_of_another_disk_is_no_value() {
        let line = Health::of(&page()).expect("a page").line("1000", b"A1");
        let read = |serial, uptime| read(&line, serial, uptime, Said::Used);
        assert_eq!(read("A1", "3400"), Ok(3.0));
        assert_eq!(read("A1", "3401"), Err(Absence::Outdated));
        assert_eq!(read("A1", "999"), Err(Absence::Outdated), "of another boot");
        assert!(matches!(read("B2", "1001"), Err(Absence::Unavailable(_))));
        assert!(matches!(read("", "1001"), Err(Absence::Unavailable(_))));
    }

    #[test]
    fn what_is_no_page_or_no_line_is_no_value() {
        assert_eq!(Health::of(&[0; HEALTH_PAGE_BYTES]), None);
        assert_eq!(Health::of(&[0xff; HEALTH_PAGE_BYTES]), None);
        let line = Health::of(&page()).expect("a page").line("1", b"-");
        for wrong in [
            line.replace("nvme1", "nvme2"),
            line.replace(" 3 ", " 300 "),
            line.replace(" 3 ", " 3.5 "),
            line.replace(" 3 ", " x "),
            line[..line.len() / 2].to_owned(),
            String::new(),
        ] {
            assert!(read(&wrong, "-", "2", Said::Used).is_err(), "{wrong:?}");
        }
        assert_eq!(Said::Used.apply(line.as_bytes()), Err(Absence::NotANumber));
    }

    #[test]
    fn a_disk_that_cannot_be_asked_is_told_and_one_that_is_gone_is_forgotten() {
        let dir = tempfile::tempdir().expect("a directory");
        let put = |path: &str, text: &str| {
            let path = dir.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(path, text).expect("written");
        };
        put("sys/class/nvme/nvme0/serial", "A1\n");
        put("dev/nvme0", "");
        put("proc/uptime", "10.00 10.00\n");
        put("run/mfg-drone-disks/nvme0", "before");
        put("run/mfg-drone-disks/nvme3", "gone");
        let asked = ask_disks(&Tree::open(dir.path()).expect("a tree")).expect("asked");
        let [(disk, Err(why))] = &asked[..] else {
            panic!("{asked:?}");
        };
        assert_eq!(disk, "nvme0");
        assert!(why.to_string().contains("is no device"), "{why}");
        let left = dir.path().join("run/mfg-drone-disks");
        let left = |disk: &str| left.join(disk).exists();
        assert_eq!((left("nvme0"), left("nvme3")), (true, false));
    }

    #[test]
    fn what_is_written_is_for_all_to_read() {
        let dir = tempfile::tempdir().expect("a directory");
        for line in ["a longer line\n", "short\n"] {
            put(dir.path(), "nvme0", line).expect("written");
            let file = dir.path().join("nvme0");
            assert_eq!(fs::read_to_string(&file).expect("read"), line);
            let mode = fs::metadata(&file).expect("there").permissions().mode();
            assert_eq!(mode & 0o777, 0o644);
        }
        assert_eq!(fs::read_dir(dir.path()).expect("read").count(), 1);
    }
}
