//! A radio asked over a netlink socket, as `iw dev wlan0 station dump` does.
//!
//! The socket is kept, the buffers are its own: a question allocates nothing.
//! It needs no privilege, but the `AF_NETLINK` address family, which a shut
//! service may not have; the caller then reads `/proc/net/wireless` instead.

use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::netdevice::name_to_index;
use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, connect, recv, send, socket_with,
};

use super::message::{
    Answer, CONTROL, FAMILY_NAME, GET_FAMILY, GET_INTERFACE, GET_STATION, IF_INDEX, REQUEST_BYTES,
    Request, Stations, answers, family, is_client,
};

/// The kernel answers from its tables; a driver that asks its firmware takes
/// milliseconds. Longer is a stuck bus, and the next sample tries again.
const PATIENCE: Duration = Duration::from_millis(500);

/// The largest datagram of a dump: the kernel fills a page or what its
/// `NLMSG_GOODSIZE` allows, 8 KiB at most.
const ANSWER_BYTES: usize = 16 * 1024;

/// Datagrams read for one question. Each holds several stations, of which an
/// access point on a board has some dozens.
const MAX_DATAGRAMS: usize = 64;

/// One radio interface.
#[derive(Debug)]
pub(crate) struct Radio {
    socket: OwnedFd,
    family: u16,
    interface: Box<str>,
    sequence: u32,
    buffer: Box<[u8; ANSWER_BYTES]>,
}

impl Radio {
    /// Opens a socket and looks nl80211 up.
    ///
    /// # Errors
    /// `EAFNOSUPPORT` or `EPERM` when the service may not, `ENOENT` when the
    /// kernel has no nl80211 (no driver loaded).
    pub(crate) fn open(interface: &str) -> Result<Radio, Errno> {
        let mut radio = Radio {
            socket: connected()?,
            family: CONTROL,
            interface: interface.into(),
            sequence: 0,
            buffer: Box::new([0; ANSWER_BYTES]),
        };
        radio.family = radio.family_of(b"nl80211\0")?;
        Ok(radio)
    }

    fn family_of(&mut self, name: &[u8]) -> Result<u16, Errno> {
        let request = Request {
            family: CONTROL,
            command: GET_FAMILY,
            dump: false,
            attribute: (FAMILY_NAME, name),
        };
        let mut number = None;
        self.ask(request, |attributes| number = family(attributes))?;
        number.ok_or(Errno::PROTO)
    }

    /// Whether it is the client of an access point now.
    pub(super) fn is_client(&mut self) -> Result<bool, Errno> {
        let index = self.index()?;
        let mut client = None;
        self.ask(self.about(GET_INTERFACE, false, &index), |attributes| {
            client = is_client(attributes)
        })?;
        client.ok_or(Errno::PROTO)
    }

    /// Who is at the other end now.
    pub(super) fn stations(&mut self) -> Result<Stations, Errno> {
        let index = self.index()?;
        let mut stations = Stations::default();
        self.ask(self.about(GET_STATION, true, &index), |attributes| {
            stations.add(attributes)
        })?;
        Ok(stations)
    }

    /// Whether its driver lists stations at all.
    pub(crate) fn tells_stations(&mut self) -> bool {
        self.stations() != Err(Errno::OPNOTSUPP)
    }

    /// Looked up each time: the name is what stays when a dongle comes back.
    fn index(&self) -> Result<[u8; 4], Errno> {
        Ok(name_to_index(&self.socket, &self.interface)?.to_ne_bytes())
    }

    fn about<'a>(&self, command: u8, dump: bool, index: &'a [u8; 4]) -> Request<'a> {
        Request {
            family: self.family,
            command,
            dump,
            attribute: (IF_INDEX, index),
        }
    }

    /// Asks and hands over each entry of the answer.
    fn ask(&mut self, request: Request<'_>, mut entry: impl FnMut(&[u8])) -> Result<(), Errno> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut bytes = [0; REQUEST_BYTES];
        let length = request
            .write(self.sequence, &mut bytes)
            .ok_or(Errno::INVAL)?;
        send(&self.socket, &bytes[..length], SendFlags::empty())?;
        for _ in 0..MAX_DATAGRAMS {
            let (_, length) = recv(&self.socket, self.buffer.as_mut_slice(), RecvFlags::TRUNC)?;
            let datagram = self.buffer.get(..length).ok_or(Errno::MSGSIZE)?;
            for answer in answers(datagram, self.sequence) {
                match answer {
                    Answer::Entry(attributes) => {
                        entry(attributes);
                        if !request.dump {
                            return Ok(());
                        }
                    }
                    Answer::End => return Ok(()),
                    Answer::Refused(errno) => return Err(errno),
                }
            }
        }
        Err(Errno::MSGSIZE)
    }
}

/// A socket to the kernel and to nobody else: connected, it takes no datagram
/// of another process.
fn connected() -> Result<OwnedFd, Errno> {
    let socket = socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        Some(netlink::GENERIC),
    )?;
    connect(&socket, &SocketAddrNetlink::new(0, 0))?;
    set_socket_timeout(&socket, Timeout::Recv, Some(PATIENCE))?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    /// The controller itself is a family every kernel has: the whole way
    /// through the socket without a radio.
    #[test]
    fn the_kernel_knows_its_controller_and_refuses_what_is_not_there() {
        let Ok(socket) = connected() else {
            // A shut container has no netlink. Past the harness, which keeps what a
            // passing test prints.
            let _ = std::io::stderr().write_all(b"SKIPPED: the kernel's radios: no netlink here\n");
            return;
        };
        let mut radio = Radio {
            socket,
            family: CONTROL,
            interface: "none0".into(),
            sequence: 0,
            buffer: Box::new([0; ANSWER_BYTES]),
        };
        assert_eq!(radio.family_of(b"nlctrl\0"), Ok(CONTROL));
        assert_eq!(radio.family_of(b"no-such\0"), Err(Errno::NOENT));
        assert_eq!(
            radio.family_of(b"nlctrl\0"),
            Ok(CONTROL),
            "after a refusal the next question is answered"
        );
        assert_eq!(radio.stations(), Err(Errno::NODEV));
    }
}
