//! Whether the wall clock is disciplined, from chronyd's own monitoring port.
//!
//! For the service that may not ask the kernel: systemd's `ProtectClock=` refuses
//! `adjtimex` also for reading, and chronyd leaves no file that another user may
//! read. It does answer `chronyc tracking` on a loopback port, from every user, and
//! this asks the same: one datagram of 104 bytes each way. The layout is that of
//! chrony's `candm.h`, version 6, unchanged since chrony 2.2 of 2015. The crate that
//! speaks it (`chrony-candm`) is GPL only.
//!
//! It must never send any other command: some of them change chronyd.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::Duration;

use rustix::io::Errno;

/// Where chronyd listens unless it is told `cmdport 0`. A privileged port: nobody
/// else on the board can answer from it.
const PORT: u16 = 323;

/// It answers from memory within microseconds. Longer is a daemon that hangs.
const PATIENCE: Duration = Duration::from_millis(200);

/// Late answers to earlier questions that are passed over.
const MAX_LATE: usize = 8;

/// `PROTO_VERSION_NUMBER`, `PKT_TYPE_CMD_REQUEST`, `PKT_TYPE_CMD_REPLY`.
const VERSION: u8 = 6;
const REQUEST: u8 = 1;
const REPLY: u8 = 2;
/// `REQ_TRACKING`, `RPY_TRACKING`: the state of the clock.
const GET_TRACKING: u16 = 33;
const TRACKING: u16 = 5;
/// Bytes of the answer, and so of the request: chronyd answers none that is
/// shorter than what it would send back.
const BYTES: usize = 104;

/// `LEAP_Unsynchronised`.
const UNSYNCHRONISED: u16 = 3;
/// The possible error at which the kernel calls a clock unsynchronised: chronyd
/// itself keeps saying that all is well after its sources are lost.
const LOST_AT_S: f64 = 16.0;

/// What chronyd says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Tracking {
    /// It follows a source, and not by memory alone for too long.
    pub(super) synchronised: bool,
    /// The greatest possible error, s; `None` while it has none to give.
    pub(super) max_error_s: Option<f64>,
}

/// A socket to chronyd.
#[derive(Debug)]
pub(crate) struct Chronyd {
    socket: UdpSocket,
    sequence: u32,
}

impl Chronyd {
    /// Opens the socket; whether anybody answers shows when asked.
    ///
    /// # Errors
    /// The system refuses a socket.
    pub(crate) fn open() -> Result<Chronyd, Errno> {
        Chronyd::at(PORT)
    }

    fn at(port: u16) -> Result<Chronyd, Errno> {
        let open = || {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
            // Connected, so that only that port's datagrams come in.
            socket.connect((Ipv4Addr::LOCALHOST, port))?;
            socket.set_read_timeout(Some(PATIENCE))?;
            Ok(socket)
        };
        Ok(Chronyd {
            socket: open().map_err(|error| errno(&error))?,
            sequence: 0,
        })
    }

    /// The state of the clock; `None` when nobody answers.
    pub(super) fn tracking(&mut self) -> Result<Option<Tracking>, Errno> {
        self.sequence = self.sequence.wrapping_add(1);
        match self.exchange() {
            Ok(tracking) => Ok(tracking),
            // Not started, stopped, or without its port: it is the same to a reader.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::ConnectionRefused | ErrorKind::WouldBlock
                ) =>
            {
                Ok(None)
            }
            Err(error) => Err(errno(&error)),
        }
    }

    fn exchange(&self) -> std::io::Result<Option<Tracking>> {
        self.socket.send(&request(self.sequence))?;
        let mut answer = [0; BYTES];
        for _ in 0..=MAX_LATE {
            let length = self.socket.recv(&mut answer)?;
            if let Some(tracking) = answer
                .get(..length)
                .and_then(|bytes| tracking(bytes, self.sequence))
            {
                return Ok(Some(tracking));
            }
        }
        Ok(None)
    }
}

fn errno(error: &std::io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}

fn request(sequence: u32) -> [u8; BYTES] {
    let mut bytes = [0; BYTES];
    bytes[..2].copy_from_slice(&[VERSION, REQUEST]);
    bytes[4..6].copy_from_slice(&GET_TRACKING.to_be_bytes());
    bytes[8..12].copy_from_slice(&sequence.to_be_bytes());
    bytes
}

/// The answer to that question, if it is one and a good one.
fn tracking(bytes: &[u8], sequence: u32) -> Option<Tracking> {
    let u16_at = |at: usize| Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
    let u32_at = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let seconds_at = |at: usize| u32_at(at).map(float);
    let is_answer = bytes.len() >= BYTES
        && bytes.get(..2)? == [VERSION, REPLY]
        && (u16_at(4)?, u16_at(6)?, u16_at(8)?) == (GET_TRACKING, TRACKING, 0)
        && u32_at(16)? == sequence;
    if !is_answer {
        return None;
    }
    let follows = u16_at(54)? != UNSYNCHRONISED;
    // As chronyc's manual adds them up: what is not corrected yet, half the way to
    // the source, and what may have gathered since.
    let error_s = seconds_at(68)?.abs() + seconds_at(92)? / 2.0 + seconds_at(96)?;
    // Before the first measurement these are placeholders.
    Some(Tracking {
        synchronised: follows && error_s < LOST_AT_S,
        max_error_s: follows.then_some(error_s),
    })
}

/// chrony's own floating point: seven bits of exponent, twenty-five of coefficient,
/// both signed.
fn float(bits: u32) -> f64 {
    let signed = bits.cast_signed();
    let (exponent, coefficient) = (signed >> 25, (signed << 7) >> 7);
    f64::from(coefficient) * f64::from(exponent - 25).exp2()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Of chronyd 4.3 (Debian 12) that follows another on the same machine; as
    /// `chronyc` asked and printed: root delay 5.767 µs, dispersion 1.078 µs, system
    /// time 1.792 µs fast.
    const FOLLOWS: &[u8; BYTES] = b"\x06\x02\x00\x00\x00\x21\x00\x05\x00\x00\x00\x00\x00\x00\x00\x00\xae\x93\x0e\x97\
\x00\x00\x00\x00\x00\x00\x00\x00\x7f\x00\x00\x01\x7f\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\
\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x6b\x07\x58\x7a\x07\x0c\x05\xb1\xdd\x0f\x84\xfb\xd6\xcd\xa1\x3d\xd8\x9d\x96\x61\
\xf8\xbd\x03\x76\xf8\x95\xda\x53\x00\xfb\x13\x87\xe0\xc1\x82\x27\xdc\x90\xb0\x54\x04\x80\x7c\x56";
    const ITS_SEQUENCE: u32 = 0xae93_0e97;

    fn with(at: usize, bytes: &[u8]) -> [u8; BYTES] {
        let mut changed = *FOLLOWS;
        changed[at..at + bytes.len()].copy_from_slice(bytes);
        changed
    }

    #[test]
    fn an_answer_is_read_as_chronyc_reads_it() {
        let tracking = tracking(FOLLOWS, ITS_SEQUENCE).expect("an answer");
        assert!(tracking.synchronised);
        let error_us = tracking.max_error_s.expect("an error") * 1e6;
        assert!(
            (error_us - (1.792 + 5.767 / 2.0 + 1.078)).abs() < 0.002,
            "{error_us}"
        );
    }

    #[test]
    fn without_a_source_and_long_after_the_last_it_is_not_synchronised() {
        let never = tracking(&with(54, &[0, 3]), ITS_SEQUENCE).expect("an answer");
        assert_eq!(
            never,
            Tracking {
                synchronised: false,
                max_error_s: None
            }
        );
        let sixteen = 0x0c80_0000_u32;
        assert_eq!(float(sixteen), 16.0);
        let lost = tracking(&with(96, &sixteen.to_be_bytes()), ITS_SEQUENCE).expect("an answer");
        assert!(
            !lost.synchronised && lost.max_error_s.expect("an error") >= 16.0,
            "{lost:?}"
        );
    }

    #[test]
    fn what_is_no_answer_to_the_question_is_none() {
        assert_eq!(tracking(FOLLOWS, 1), None, "another question's");
        assert_eq!(tracking(&FOLLOWS[..100], ITS_SEQUENCE), None, "cut off");
        assert_eq!(
            tracking(&with(0, &[5]), ITS_SEQUENCE),
            None,
            "another version"
        );
        assert_eq!(tracking(&with(8, &[0, 1]), ITS_SEQUENCE), None, "refused");
        assert_eq!(tracking(&request(7), 7), None, "a request");
    }

    #[test]
    fn floats_are_chronys() {
        assert_eq!(float(0), 0.0);
        assert_eq!(float(0x0300_0000), -1.0);
        assert_eq!(float(0x0480_0000), 1.0);
    }

    #[test]
    fn nobody_there_is_no_answer_and_a_late_one_is_passed_over() {
        let daemon = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
        let address = daemon.local_addr().expect("its address");
        let mut chronyd = Chronyd::at(address.port()).expect("a socket");
        let caller = chronyd.socket.local_addr().expect("its address");
        // In the queue before the question is asked: one of an earlier question,
        // then this one's.
        daemon
            .send_to(&with(16, &7_u32.to_be_bytes()), caller)
            .expect("sent");
        daemon
            .send_to(&with(16, &1_u32.to_be_bytes()), caller)
            .expect("sent");
        assert!(
            chronyd
                .tracking()
                .expect("asked")
                .is_some_and(|tracking| tracking.synchronised)
        );
        let mut asked = [0; 2 * BYTES];
        assert_eq!(daemon.recv(&mut asked).expect("the question"), BYTES);
        assert_eq!(asked[..BYTES], request(1));
        drop(daemon);
        assert_eq!(chronyd.tracking(), Ok(None));
    }

    proptest! {
        // No assertion: a panic is what fails it (sums and places are checked here).
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..130)) {
            let _ = tracking(&bytes, 0);
        }
    }
}
