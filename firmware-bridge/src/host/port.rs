//! A serial port that never blocks for longer than it is told.
//!
//! serialport opens, locks and configures it; reading, writing and waiting are
//! done on the descriptor, because the link must wait for the port *and* for
//! its owner at once, and because a write to a board that does not read must
//! not hang the thread.

use std::io::ErrorKind;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;
use std::string::ToString;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::poll::{PollFd, PollFlags, poll};
use nix::sys::termios::{ControlFlags, FlushArg, SetArg, tcflush, tcgetattr, tcsetattr};
use serialport::TTYPort;

use super::event::LostReason;
use crate::text::Text;

/// An open serial port, locked against other programs.
#[derive(Debug)]
pub struct Port {
    tty: TTYPort,
}

/// What a wait ended with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ready {
    /// There is something to read, or the port is gone (reading tells).
    pub(crate) readable: bool,
    /// Something can be written.
    pub(crate) writable: bool,
}

/// The port is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone;

impl Port {
    /// Opens a port by its path: raw, exclusive, 8N1, no flow control, and forgets what
    /// the driver holds from before: it happened to somebody else. The lines that reset
    /// many boards are left as they are when the port is closed again.
    ///
    /// # Errors
    ///
    /// Why it cannot be opened, in terms of what to do about it.
    pub fn open(path: &Path, baud: u32) -> Result<Self, LostReason> {
        if let Some(what) = no_device(path) {
            return Err(LostReason::NotSerial { what });
        }
        let name = path.to_string_lossy();
        let tty = TTYPort::open(&serialport::new(name, baud)).map_err(|error| reason(&error))?;
        let port = Self::from_tty(tty)?;
        let fd = port.tty.as_raw_fd();
        // Neither is worth a board: a port that refuses is used as it is.
        let _ = tcflush(fd, FlushArg::TCIFLUSH);
        if let Ok(mut settings) = tcgetattr(fd) {
            settings.control_flags.remove(ControlFlags::HUPCL);
            let _ = tcsetattr(fd, SetArg::TCSANOW, &settings);
        }
        Ok(port)
    }

    /// Takes over an open terminal, for example one end of a pseudo-terminal.
    ///
    /// # Errors
    ///
    /// When the terminal cannot be made non-blocking.
    pub(crate) fn from_tty(tty: TTYPort) -> Result<Self, LostReason> {
        let failed = |errno: Errno| LostReason::OpenFailed {
            error: Text::new(errno.desc()),
        };
        keep_from_children(&tty).map_err(failed)?;
        fcntl(tty.as_raw_fd(), FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).map_err(failed)?;
        Ok(Self { tty })
    }

    /// Waits for the port, or for `wake`, or for the time to pass.
    pub(crate) fn wait(&self, wake: Option<RawFd>, to_write: bool, at_most: Duration) -> Ready {
        let mut interest = PollFlags::POLLIN;
        if to_write {
            interest |= PollFlags::POLLOUT;
        }
        let port = PollFd::new(self.tty.as_raw_fd(), interest);
        let other = PollFd::new(wake.unwrap_or(-1), PollFlags::POLLIN);
        let mut both = [port, other];
        let polled = poll(&mut both, milliseconds(at_most));
        let flags = match polled {
            Ok(_) => both[0].revents().unwrap_or(PollFlags::POLLERR),
            // Interrupted by a signal: look again at the next round.
            Err(_) => PollFlags::empty(),
        };
        Ready {
            readable: flags.intersects(!PollFlags::POLLOUT),
            writable: flags.contains(PollFlags::POLLOUT),
        }
    }

    /// Reads what there is; zero when there is nothing now.
    ///
    /// # Errors
    ///
    /// [`Gone`] when the port was unplugged.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Gone> {
        match nix::unistd::read(self.tty.as_raw_fd(), buffer) {
            // End of file: the other end hung up.
            Ok(0) => Err(Gone),
            Ok(count) => Ok(count),
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(0),
            Err(_) => Err(Gone),
        }
    }

    /// Writes what the port takes now; zero when it takes nothing.
    ///
    /// # Errors
    ///
    /// [`Gone`] when the port was unplugged.
    pub fn write(&mut self, bytes: &[u8]) -> Result<usize, Gone> {
        match nix::unistd::write(self.tty.as_raw_fd(), bytes) {
            Ok(count) => Ok(count),
            Err(Errno::EAGAIN | Errno::EINTR) => Ok(0),
            Err(_) => Err(Gone),
        }
    }
}

/// Programs started from here must not hold the terminal open: it would not hang
/// up when we let go of it, and stay locked. serialport leaves it inheritable.
pub(crate) fn keep_from_children(tty: &TTYPort) -> Result<(), Errno> {
    fcntl(tty.as_raw_fd(), FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).map(drop)
}

/// Waits for `wake` alone.
pub(crate) fn wait_for(wake: RawFd, at_most: Duration) {
    let mut fds = [PollFd::new(wake, PollFlags::POLLIN)];
    // Errors (a signal) only make the wait shorter.
    let _ = poll(&mut fds, milliseconds(at_most));
}

/// Rounded up: rounding down would spin through the last millisecond.
fn milliseconds(time: Duration) -> i32 {
    i32::try_from(time.as_micros().div_ceil(1_000)).unwrap_or(i32::MAX)
}

/// What stands at `path` in place of a device. It is not opened: a pipe would take what
/// somebody else waits for.
fn no_device(path: &Path) -> Option<&'static str> {
    let kind = std::fs::metadata(path).ok()?.file_type();
    if kind.is_char_device() {
        None
    } else if kind.is_dir() {
        Some("a directory")
    } else if kind.is_fifo() {
        Some("a named pipe")
    } else if kind.is_socket() {
        Some("a socket")
    } else if kind.is_block_device() {
        Some("a disk")
    } else {
        Some("a file")
    }
}

fn reason(error: &serialport::Error) -> LostReason {
    match error.kind {
        // Terminals alone can be locked and asked for their speed.
        _ if error.description == Errno::ENOTTY.desc() => LostReason::NotSerial {
            what: "another device",
        },
        serialport::ErrorKind::Io(ErrorKind::NotFound) => LostReason::NotFound,
        serialport::ErrorKind::Io(ErrorKind::PermissionDenied) => LostReason::PermissionDenied,
        // serialport says "no device" for EBUSY and for a lock held elsewhere;
        // a device that is really gone has no name any more.
        serialport::ErrorKind::NoDevice => LostReason::Busy,
        _ => LostReason::OpenFailed {
            error: Text::new(&error.to_string()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serialport::SerialPort;
    use std::io::Write as _;

    #[test]
    fn what_is_no_serial_port_is_named() {
        for (path, what) in [
            ("/", "a directory"),
            ("/proc/self/status", "a file"),
            ("/dev/null", "another device"),
        ] {
            let refused = Port::open(Path::new(path), 115_200).map(drop);
            assert_eq!(refused, Err(LostReason::NotSerial { what }), "{path}");
        }
    }

    #[test]
    fn an_open_port_holds_nothing_from_before_and_does_not_hang_up() {
        let (mut master, slave) = TTYPort::pair().expect("a pseudo-terminal");
        let name = slave.name().expect("a name");
        master.write_all(b"stale").expect("room");
        let mut port = Port::open(Path::new(&name), 115_200).expect("free");
        assert_eq!(port.read(&mut [0; 16]), Ok(0));
        let settings = tcgetattr(port.tty.as_raw_fd()).expect("a terminal");
        assert!(!settings.control_flags.contains(ControlFlags::HUPCL));
        master.write_all(b"fresh").expect("room");
        port.wait(None, false, Duration::from_secs(20));
        assert_eq!(port.read(&mut [0; 16]), Ok(5));
    }
}
