//! `bridge flash`: a UF2 file onto a Pico, by copying it to the volume of its
//! bootloader.
//!
//! Refuses whatever would leave the board without a firmware: a file with an
//! unsound block, a file for another chip. With a port, the running firmware is
//! sent to the bootloader first and met again afterwards.

#![expect(
    clippy::disallowed_methods,
    reason = "a command that only waits, in real time"
)]

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use firmware_bridge::host::{
    BoardDescription, HostLink, LinkConfig, LinkEvent, LinkHandle, PortSelector,
};

use super::uf2::{self, Chip, Image};

/// How long a board may take to greet.
const MEETING: Duration = Duration::from_secs(10);
/// How long a volume may take to be mounted after the reset.
const MOUNTING: Duration = Duration::from_secs(30);
/// How often mounts are looked at.
const LOOK: Duration = Duration::from_millis(250);
/// What a bootloader's volume says of itself.
const INFO: &str = "INFO_UF2.TXT";

/// What is wanted.
pub(super) struct Wanted<'a> {
    pub file: &'a Path,
    pub port: Option<&'a str>,
    pub baud: u32,
    pub volume: Option<&'a Path>,
}

pub(super) fn flash(wanted: &Wanted<'_>) -> anyhow::Result<()> {
    let bytes = std::fs::read(wanted.file)
        .with_context(|| format!("cannot read {}", wanted.file.display()))?;
    let image =
        uf2::check(&bytes).with_context(|| format!("{} is not flashed", wanted.file.display()))?;
    let Image {
        chip,
        blocks,
        first,
        last,
    } = image;
    println!(
        "{}: {blocks} blocks for {}, {first:#010x} to {last:#010x}",
        wanted.file.display(),
        chip.name()
    );

    let port = wanted
        .port
        .map(|port| Met::at(port, wanted.baud))
        .transpose()?;
    if let Some(met) = &port {
        met.send_to_bootloader(chip)?;
    }
    let volume = match wanted.volume {
        Some(volume) => volume.to_owned(),
        None => wait_for_volume(chip)?,
    };
    check_volume(&volume, chip)?;
    copy(&bytes, &volume)?;
    if let Some(met) = port {
        met.meet_again()?;
    }
    Ok(())
}

/// A board that answers on a port.
struct Met {
    link: LinkHandle,
    events: Receiver<LinkEvent>,
}

impl Met {
    fn at(port: &str, baud: u32) -> anyhow::Result<Met> {
        let selector: PortSelector = port.parse()?;
        // Readings do not matter here, and of the rest there are few.
        let (sender, events) = mpsc::sync_channel(64);
        let config = LinkConfig {
            baud,
            ..LinkConfig::new(selector)
        };
        let link = HostLink::spawn(config, move |event| {
            if matches!(event, LinkEvent::Connected { .. } | LinkEvent::Lost { .. }) {
                drop(sender.try_send(event));
            }
        })?;
        Ok(Met { link, events })
    }

    /// Waits for the next greeting.
    fn greeting(&self, patience: Duration) -> anyhow::Result<std::sync::Arc<BoardDescription>> {
        let until = Instant::now() + patience;
        let mut why = "no board greeted".to_owned();
        loop {
            match self
                .events
                .recv_timeout(until.saturating_duration_since(Instant::now()))
            {
                Ok(LinkEvent::Connected { board }) => return Ok(board),
                Ok(LinkEvent::Lost { reason, .. }) => why = reason.to_string(),
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => bail!("{why}"),
            }
        }
    }

    fn send_to_bootloader(&self, chip: Chip) -> anyhow::Result<()> {
        let board = self.greeting(MEETING).context(
            "the board cannot be sent to its bootloader; hold BOOTSEL while plugging it in, and leave --port out",
        )?;
        println!(
            "{} runs firmware {}; sending it to its bootloader",
            board.id(),
            board.greeting.firmware
        );
        let kind = board.greeting.board.as_str();
        if let Some(other) = Chip::of_board(kind).filter(|other| *other != chip) {
            bail!(
                "the board is an {}, the file is for {}",
                other.name(),
                chip.name()
            );
        }
        self.link.reset_to_bootloader()?;
        let until = Instant::now() + MEETING;
        while Instant::now() < until {
            let stats = self.link.stats();
            if stats.commands_done > 0 {
                return Ok(());
            }
            ensure!(
                stats.commands_failed == 0,
                "the board refuses: its firmware cannot go to a bootloader"
            );
            // It may be gone before its answer is here.
            if let Ok(LinkEvent::Lost { .. }) = self.events.recv_timeout(LOOK) {
                return Ok(());
            }
        }
        bail!("the board does not answer the command")
    }

    fn meet_again(self) -> anyhow::Result<()> {
        println!("waiting for the board");
        let board = self
            .greeting(MOUNTING)
            .context("copied, but the board is not back")?;
        println!(
            "{} is back with firmware {}",
            board.id(),
            board.greeting.firmware
        );
        self.link.stop();
        Ok(())
    }
}

/// The mounted volume of a bootloader for `chip`.
fn wait_for_volume(chip: Chip) -> anyhow::Result<PathBuf> {
    let until = Instant::now() + MOUNTING;
    let mut announced = false;
    loop {
        let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
        if let Some(volume) = mounted(&mounts, chip) {
            return Ok(volume);
        }
        let label = Path::new("/dev/disk/by-label").join(chip.volume());
        let unmounted = label.exists();
        ensure!(
            Instant::now() < until,
            if unmounted {
                format!(
                    "{0} is not mounted: `udisksctl mount -b {0}`, or mount it and give --volume",
                    label.display()
                )
            } else {
                format!(
                    "no volume {}: hold BOOTSEL while plugging the board in, or give --volume",
                    chip.volume()
                )
            }
        );
        if !announced {
            println!("waiting for the volume {}", chip.volume());
            announced = true;
        }
        std::thread::sleep(LOOK);
    }
}

/// Where a volume of that name is mounted, by a table as in `/proc/mounts`.
fn mounted(mounts: &str, chip: Chip) -> Option<PathBuf> {
    let places = mounts.lines().filter_map(|line| line.split(' ').nth(1));
    // The table writes a blank as \040; the names looked for hold none.
    places
        .map(|place| PathBuf::from(place.replace("\\040", " ")))
        .find(|place| place.ends_with(chip.volume()))
}

fn check_volume(volume: &Path, chip: Chip) -> anyhow::Result<()> {
    let info = volume.join(INFO);
    let text = std::fs::read_to_string(&info).with_context(|| {
        format!(
            "{} is no volume of a bootloader: {INFO} cannot be read",
            volume.display()
        )
    })?;
    match Chip::of_volume(&text) {
        Some(other) if other == chip => Ok(()),
        Some(other) => bail!(
            "{} is of an {}, the file is for {}",
            volume.display(),
            other.name(),
            chip.name()
        ),
        None => bail!("{} names no board that is known here", info.display()),
    }
}

/// Copies and reads back. A board restarts with its last block, and its volume
/// is gone: then there is nothing to read back, and nothing left to be done.
fn copy(bytes: &[u8], volume: &Path) -> anyhow::Result<()> {
    let path = volume.join("firmware.uf2");
    let written = File::create(&path).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    let gone = || !volume.join(INFO).exists();
    match written {
        Err(_) if gone() => {}
        Err(error) => {
            return Err(error).with_context(|| format!("cannot write {}", path.display()));
        }
        Ok(()) => match std::fs::read(&path) {
            Ok(back) => ensure!(
                back == bytes,
                "{} reads back otherwise than it was written",
                path.display()
            ),
            Err(_) if gone() => {}
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {} back", path.display()));
            }
        },
    }
    println!("{} bytes copied to {}", bytes.len(), volume.display());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_is_found_among_the_mounts() {
        let mounts = "proc /proc proc rw 0 0\n/dev/sda1 /media/pi/RPI-RP2 vfat rw 0 0\n/dev/sdb1 /media/My\\040Pi/RP2350 vfat rw 0 0\n";
        assert_eq!(
            mounted(mounts, Chip::Rp2040),
            Some("/media/pi/RPI-RP2".into())
        );
        assert_eq!(
            mounted(mounts, Chip::Rp2350),
            Some("/media/My Pi/RP2350".into())
        );
        assert_eq!(mounted("proc /proc proc rw 0 0\n", Chip::Rp2350), None);
    }

    #[test]
    fn only_a_bootloaders_volume_of_the_same_chip_is_written() {
        let dir = tempfile::tempdir().expect("a directory");
        let refused = |chip| check_volume(dir.path(), chip).map_err(|error| format!("{error:#}"));
        assert!(
            refused(Chip::Rp2040).is_err_and(|error| error.contains("no volume of a bootloader"))
        );
        std::fs::write(dir.path().join(INFO), "Board-ID: RP2350\n").expect("written");
        assert!(refused(Chip::Rp2040).is_err_and(|error| error.contains("is of an RP2350")));
        assert_eq!(refused(Chip::Rp2350), Ok(()));
        copy(&[1, 2, 3], dir.path()).expect("copied");
        assert_eq!(
            std::fs::read(dir.path().join("firmware.uf2")).expect("there"),
            [1, 2, 3]
        );
    }
}
