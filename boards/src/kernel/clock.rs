//! Whether the wall clock is disciplined, from `adjtimex(2)`.
//!
//! Every time daemon tells the kernel (timesyncd, ntpd, and chronyd with
//! `rtcsync`, which is Debian's default), and the kernel takes it back when
//! none has spoken for long: it adds 500 µs of possible error each second and
//! calls the clock unsynchronised at 16 s. A file of one daemon can tell neither.
//!
//! One of this crate's two places with `unsafe` (`nvme.rs`): no safe crate that is kept well has a call
//! that reads the state (see `docs/adr/0004-signal-and-clock.md`).

use rustix::io::Errno;

/// The kernel's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ClockState {
    /// `STA_UNSYNC` is not set.
    pub(super) synchronised: bool,
    /// The greatest possible error by the kernel's account, µs.
    pub(super) max_error_us: u64,
}

/// Asks the kernel. Refused (`EPERM`) where a service's system-call filter
/// leaves the clock out, as systemd's `ProtectClock=` does.
#[expect(unsafe_code, reason = "no safe crate reads this; argued at each call")]
pub(super) fn read() -> Result<ClockState, Errno> {
    // SAFETY: `timex` holds integers only, for all of which zero is a value.
    let mut state: libc::timex = unsafe { std::mem::zeroed() };
    // `modes` stays 0: read only, which needs no privilege.
    // SAFETY: the pointer is to a whole `timex` of this thread's that lives
    // through the call; the kernel writes into it and keeps nothing.
    if unsafe { libc::adjtimex(&raw mut state) } == -1 {
        return Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO));
    }
    Ok(ClockState {
        synchronised: state.status & libc::STA_UNSYNC == 0,
        max_error_us: u64::try_from(state.maxerror).unwrap_or(0),
    })
}
