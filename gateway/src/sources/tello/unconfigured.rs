//! Drones that stream to this board without being configured.
//!
//! A drone in SDK mode sends its state by itself ten times a second. Hearing it
//! proves that it is there, so a search need not ask it again: any command would
//! put off the landing that firmware begins 15 s after an operator fell silent.
//! Fixed in size; the caller gives `now`.

use std::net::IpAddr;
use std::time::Duration;

use heapless::Vec;
use jiff::Timestamp;
use tello::state::parse;

use readings::clock::Mono;

/// Most of them: as many as there may be drones. At capacity the longest
/// silent one goes if it is gone; else the newcomer is not noted.
const CAPACITY: usize = 64;

/// Silence after which such a drone is gone.
const GONE_AFTER: Duration = Duration::from_secs(5);

/// A drone that is not configured and was heard.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct UnconfiguredDrone {
    pub(crate) address: IpAddr,
    /// Index of the state socket that heard it.
    pub(crate) socket: usize,
    pub(crate) battery_pct: Option<u8>,
    pub(crate) heard: Mono,
    pub(crate) wall: Timestamp,
}

/// Those heard lately.
#[derive(Debug, Default)]
pub(crate) struct UnconfiguredDrones(Vec<UnconfiguredDrone, CAPACITY>);

impl UnconfiguredDrones {
    /// Takes a datagram from an address that is no configured drone's.
    pub(crate) fn take(
        &mut self,
        socket: usize,
        address: IpAddr,
        datagram: &[u8],
        now: Mono,
        wall: Timestamp,
    ) {
        let state = parse(datagram).state;
        if state.is_empty() {
            return; // noise proves nothing
        }
        let address = address.to_canonical();
        let new = UnconfiguredDrone {
            address,
            socket,
            battery_pct: state.battery_pct,
            heard: now,
            wall,
        };
        if let Some(known) = self
            .0
            .iter_mut()
            .find(|known| known.address == address && known.socket == socket)
        {
            *known = UnconfiguredDrone {
                battery_pct: state.battery_pct.or(known.battery_pct),
                ..new
            };
        } else if let Err(new) = self.0.push(new)
            && let Some(oldest) = self.0.iter_mut().min_by_key(|known| known.heard)
            && now.since(oldest.heard) > GONE_AFTER
        {
            *oldest = new;
        }
    }

    /// Those that are there now.
    pub(crate) fn present(&self, now: Mono) -> impl Iterator<Item = UnconfiguredDrone> {
        self.0
            .iter()
            .filter(move |known| now.since(known.heard) <= GONE_AFTER)
            .copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(drones: &mut UnconfiguredDrones, last: u8, text: &str, at_ms: u64) {
        let address = [10, 0, 0, last].into();
        drones.take(
            0,
            address,
            text.as_bytes(),
            Mono::from_millis(at_ms),
            Timestamp::UNIX_EPOCH,
        );
    }

    #[test]
    fn they_are_there_while_they_are_heard() {
        let mut drones = UnconfiguredDrones::default();
        take(&mut drones, 1, "bat:50;", 0);
        take(&mut drones, 1, "bat:49;", 100);
        take(&mut drones, 2, "ok", 100);
        let present: std::vec::Vec<_> = drones.present(Mono::from_millis(1_000)).collect();
        assert_eq!((present.len(), present[0].battery_pct), (1, Some(49)));
        assert_eq!(drones.present(Mono::from_millis(5_101)).count(), 0);
    }

    #[test]
    fn the_table_is_bounded_and_forgets_who_is_gone() {
        let mut drones = UnconfiguredDrones::default();
        for last in 0..=200 {
            take(&mut drones, last, "bat:50;", 0);
        }
        assert_eq!(drones.present(Mono::ZERO).count(), CAPACITY);
        take(&mut drones, 201, "bat:50;", 6_000);
        assert_eq!(drones.present(Mono::from_millis(6_000)).count(), 1);
    }
}
