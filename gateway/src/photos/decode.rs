//! A whole picture into a JPEG, by an external ffmpeg on a leash.
//!
//! What a drone sends is parsed by a large C program here, so it runs apart:
//! fixed arguments, no shell, no files, an empty environment, one thread, and
//! bounds on time, memory and output. It inherits the service's sandbox. Why not
//! a decoder inside: `docs/adr/0006-video-and-photos.md`.

use std::io;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use thiserror::Error;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// Longest a decoder may run. It takes a tenth of this on a loaded Pi.
const WITHIN: Duration = Duration::from_secs(10);

/// Largest JPEG taken: 4K pictures have some 3 MB, a Tello's 0.1.
const MAX_JPEG_BYTES: u64 = 4 * 1024 * 1024;

/// Most of its complaint that is logged.
const MAX_COMPLAINT_BYTES: u64 = 512;

/// Memory of its own that it may have. Debian's needs 48 MB, most of it its
/// libraries' tables; the service's cgroup (128 MB) must not run out for it, since
/// then the gateway would end as well.
const MAX_DATA_BYTES: u64 = 64 * 1024 * 1024;

/// Processor time it may use, in seconds.
const MAX_CPU_S: u64 = 10;

/// Everything it is told. One thread: more would cost memory for each.
const ARGUMENTS: &[&str] = &[
    "-hide_banner",
    "-nostats",
    "-loglevel",
    "error",
    "-threads",
    "1",
    "-filter_threads",
    "1",
    "-f",
    "h264",
    "-i",
    "pipe:0",
    "-frames:v",
    "1",
    "-threads",
    "1",
    "-c:v",
    "mjpeg",
    "-q:v",
    "3",
    "-f",
    "mjpeg",
    "pipe:1",
];

/// Why there is no JPEG.
#[derive(Debug, Error)]
pub(super) enum DecodeError {
    /// It cannot be run, or the pipe to it broke.
    #[error("it cannot be run: {0}")]
    Run(#[from] io::Error),
    /// It took too long.
    #[error("it did not end within {} s", WITHIN.as_secs())]
    TooLong,
    /// It failed, or gave something else than a JPEG.
    #[error("it made no JPEG ({status}): {complaint}")]
    NoJpeg {
        /// How it ended.
        status: ExitStatus,
        /// What it said.
        complaint: String,
    },
}

/// Has `program` turn an access unit into a JPEG.
pub(super) async fn jpeg(program: &Path, unit: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let mut child = Command::new(program)
        .args(ARGUMENTS)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    // Before it is given a byte to parse.
    confine(&child);
    match timeout(WITHIN, converse(&mut child, unit)).await {
        Ok(outcome) => outcome,
        Err(_) => {
            child.kill().await?;
            Err(DecodeError::TooLong)
        }
    }
}

/// Bounds what it may use. A kernel that refuses leaves it to the time-out.
fn confine(child: &Child) {
    let Some(pid) = child.id().and_then(|id| Pid::from_raw(id as i32)) else {
        return;
    };
    for (resource, most) in [
        (Resource::Data, MAX_DATA_BYTES),
        (Resource::Cpu, MAX_CPU_S),
        (Resource::Fsize, 0),
    ] {
        if let Err(error) = prlimit(
            Some(pid),
            resource,
            Rlimit {
                current: Some(most),
                maximum: Some(most),
            },
        ) {
            tracing::debug!(%error, ?resource, "decoder not bounded");
        }
    }
}

async fn converse(child: &mut Child, unit: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let give = async {
        if let Some(mut stdin) = stdin {
            // It may end before it has read everything; what it made is what counts.
            let _ = stdin.write_all(unit).await;
        }
    };
    let take = async {
        let mut jpeg = Vec::new();
        if let Some(stdout) = stdout {
            stdout.take(MAX_JPEG_BYTES).read_to_end(&mut jpeg).await?;
        }
        io::Result::Ok(jpeg)
    };
    let listen = async {
        let mut complaint = Vec::new();
        if let Some(mut stderr) = stderr {
            (&mut stderr)
                .take(MAX_COMPLAINT_BYTES)
                .read_to_end(&mut complaint)
                .await?;
            // The rest is read and let go, or it would wait for a reader.
            tokio::io::copy(&mut stderr, &mut tokio::io::sink()).await?;
        }
        io::Result::Ok(complaint)
    };
    let ((), jpeg, complaint) = tokio::join!(give, take, listen);
    let (jpeg, complaint) = (jpeg?, complaint?);
    let status = child.wait().await?;
    let is_whole = jpeg.starts_with(&[0xff, 0xd8]) && jpeg.ends_with(&[0xff, 0xd9]);
    if status.success() && is_whole {
        return Ok(jpeg);
    }
    Err(DecodeError::NoJpeg {
        status,
        complaint: String::from_utf8_lossy(&complaint).trim().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_cannot_be_run_or_makes_no_jpeg_is_told() {
        let missing = jpeg(Path::new("/nowhere/ffmpeg"), b"x")
            .await
            .expect_err("not there");
        assert!(matches!(missing, DecodeError::Run(_)), "{missing}");
        let other = jpeg(Path::new("/bin/true"), b"x")
            .await
            .expect_err("says nothing");
        assert!(matches!(other, DecodeError::NoJpeg { .. }), "{other}");
        // Does not know the arguments, complains and fails.
        let failing = jpeg(Path::new("/bin/cat"), b"x")
            .await
            .expect_err("fails")
            .to_string();
        assert!(failing.contains("cat"), "{failing}");
    }
}
