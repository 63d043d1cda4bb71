//! What is told only when it is asked for: the stations of a radio by nl80211, and
//! the state of the clock by `adjtimex` or, where a service may not call that, by
//! chronyd.
//!
//! An answer is written as one line of text into the buffer that files are
//! read into. So everything behind it, from decoding to back-off, is the same
//! as for a file, and there is one thing less to test. It is asked on the
//! running machine only: a captured tree is not this kernel.
//! (What a disk is asked goes another way, `disk_health.rs`: it takes a right of root's.)
//!
//! It must never change anything: every request here is one that reads.

mod chrony;
mod clock;
mod message;
mod nl80211;
mod nvme;

use std::io::Write as _;

use rustix::io::Errno;

pub(crate) use chrony::Chronyd;
pub(crate) use nl80211::Radio;
pub(crate) use nvme::{PAGE_BYTES as HEALTH_PAGE_BYTES, health_page};

/// Something to ask.
#[derive(Debug)]
pub(crate) enum Question {
    /// Who is at the other end of a radio.
    Stations(Radio),
    /// Whether the wall clock is disciplined, by the kernel's account.
    Clock,
    /// The same by the account of the daemon that keeps it.
    Chrony(Chronyd),
}

/// Columns of the answer about stations.
pub(crate) mod stations {
    /// Of a client of an access point: 1 while it is associated.
    pub(crate) const ASSOCIATED: usize = 0;
    /// Signal of the weakest, dBm.
    pub(crate) const SIGNAL: usize = 1;
    /// Times the driver lost the beacon.
    pub(crate) const BEACON_LOSSES: usize = 2;
}

/// Columns of the answer about the clock.
pub(crate) mod clock_state {
    /// 1 while a time source disciplines it.
    pub(crate) const SYNCHRONISED: usize = 0;
    /// How wrong it may be at most, µs.
    pub(crate) const MAX_ERROR: usize = 1;
}

impl Question {
    /// Asks, and writes the answer's line; its length. A column that the
    /// kernel leaves out is a dash.
    pub(crate) fn ask(&mut self, line: &mut [u8]) -> Result<usize, Errno> {
        let room = line.len();
        let mut rest = line;
        match self {
            Question::Stations(radio) => {
                let stations = radio.stations()?;
                // An access point without clients has lost nothing; a client
                // without its access point has. Asked each time: a radio can
                // become the one or the other.
                let associated = radio.is_client()?.then_some(u8::from(stations.count > 0));
                write(&mut rest, associated)?;
                write(&mut rest, stations.weakest_dbm)?;
                write(&mut rest, stations.beacon_losses)?;
            }
            Question::Clock => {
                let state = clock::read()?;
                write(&mut rest, Some(u8::from(state.synchronised)))?;
                write(&mut rest, Some(state.max_error_us))?;
            }
            Question::Chrony(chronyd) => {
                let tracking = chronyd.tracking()?;
                write(
                    &mut rest,
                    tracking.map(|tracking| u8::from(tracking.synchronised)),
                )?;
                let error_us = tracking
                    .and_then(|tracking| tracking.max_error_s)
                    .map(|seconds| seconds * 1e6);
                write(&mut rest, error_us)?;
            }
        }
        Ok(room - rest.len())
    }
}

/// One column. Into memory: it fails only when the line is full, which three
/// numbers do not fill.
fn write(rest: &mut &mut [u8], column: Option<impl std::fmt::Display>) -> Result<(), Errno> {
    match column {
        Some(number) => write!(rest, "{number} "),
        None => write!(rest, "- "),
    }
    .map_err(|_| Errno::NOBUFS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::Decode;

    #[test]
    fn the_clock_answers_or_is_refused() {
        let mut line = [0; 64];
        // A container's filter may refuse it; then the file is used instead.
        if let Ok(length) = Question::Clock.ask(&mut line) {
            let column = |place| {
                Decode::answer(place, 1.0, "")
                    .apply(&line[..length])
                    .expect("a number")
            };
            assert!([0.0, 1.0].contains(&column(clock_state::SYNCHRONISED)));
            assert!(column(clock_state::MAX_ERROR) >= 0.0);
        }
    }
}
