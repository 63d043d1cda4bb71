//! The real firmware in QEMU, its line on a cable that can be pulled and spoilt.
//!
//! The emulator is a process of its own with three sockets: the line, the pins
//! and the monitor. Its end of the line is carried to a pseudo-terminal of a
//! lasting name by [`Cable`], so that the gateway sees what it would see of a
//! board on USB.

use std::io::ErrorKind;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::Context as _;
use firmware_bridge::peer::{Cable, Noise};
use tokio::process::{Child, Command};

use crate::bridge::Hands;
use crate::eventually;

/// A running emulator.
#[derive(Debug)]
pub struct Emulator {
    image: PathBuf,
    folder: tempfile::TempDir,
    child: Child,
    cable: Cable,
}

impl Emulator {
    /// Starts `image` and plugs its line in.
    ///
    /// # Errors
    /// QEMU is missing, or does not start.
    pub async fn start(image: &Path) -> anyhow::Result<Emulator> {
        let folder = tempfile::tempdir()?;
        let (child, cable) = launch(image, folder.path()).await?;
        Ok(Emulator {
            image: image.to_owned(),
            folder,
            child,
            cable,
        })
    }

    /// The name under which the line can be opened; it outlives every replug.
    #[must_use]
    pub fn port(&self) -> PathBuf {
        name(self.folder.path())
    }

    /// Hands at its pins.
    #[must_use]
    pub fn hands(&self) -> Hands {
        Hands::Emulated(self.folder.path().to_owned())
    }

    /// The cable at its line.
    #[must_use]
    pub fn cable(&self) -> &Cable {
        &self.cable
    }

    /// Sends the emulator a signal, by name.
    ///
    /// # Errors
    /// It has ended.
    pub async fn signal(&self, name: &str) -> anyhow::Result<()> {
        let pid = self
            .child
            .id()
            .context("the emulator has ended")?
            .to_string();
        let status = Command::new("kill")
            .args([&format!("-{name}"), &pid])
            .status()
            .await?;
        anyhow::ensure!(status.success(), "kill -{name}: {status}");
        Ok(())
    }

    /// Kills it, and the terminal goes with it; the name leads nowhere then.
    ///
    /// # Errors
    /// The kill itself fails.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill().await?;
        Ok(())
    }

    /// Starts it again after [`Emulator::kill`].
    ///
    /// # Errors
    /// As [`Emulator::start`].
    pub async fn restart(&mut self) -> anyhow::Result<()> {
        (self.child, self.cable) = launch(&self.image, self.folder.path()).await?;
        Ok(())
    }

    /// Loses and breaks so many of a thousand bytes, both ways.
    pub fn spoil(&self, lost_per_mille: u16, broken_per_mille: u16) {
        self.cable.set_noise(Noise {
            lost_per_mille,
            broken_per_mille,
        });
    }
}

fn name(folder: &Path) -> PathBuf {
    folder.join("tty")
}

async fn launch(image: &Path, folder: &Path) -> anyhow::Result<(Child, Cable)> {
    let mut command = Command::new("qemu-system-arm");
    command
        .args(["-M", "mps2-an385", "-display", "none", "-kernel"])
        .arg(image);
    for socket in ["line", "pins", "monitor"] {
        let path = folder.join(socket);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        let option = if socket == "monitor" {
            "-monitor"
        } else {
            "-serial"
        };
        command
            .arg(option)
            .arg(format!("unix:{},server=on,wait=off", path.display()));
    }
    let child = command
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("qemu-system-arm does not start")?;
    let line = folder.join("line");
    let stream = eventually("the emulator's line", || async {
        Ok(UnixStream::connect(&line).ok())
    })
    .await?;
    stream.set_nonblocking(true)?;
    let cable = Cable::connect(stream, &name(folder))?;
    Ok((child, cable))
}
