//! Drones that stream to this board without being configured.
//!
//! A drone in SDK mode sends its state by itself ten times a second. Hearing it
//! proves that it is there, so a search need not ask it again: any command would
//! put off the landing that firmware begins 15 s after an operator fell silent.
//! One on the ground may be asked who it is, see `discovery::strangers`.
//! Fixed in size; the caller gives `now`.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use heapless::Vec;
use jiff::Timestamp;
use tello::state::parse;

use readings::clock::Mono;

use super::commander::Word;
use super::motion::Motion;

/// Most of them: as many as there may be drones. At capacity the longest
/// silent one goes if it is gone; else the newcomer is not noted.
const CAPACITY: usize = 64;

/// Silence after which such a drone is gone.
const GONE_AFTER: Duration = Duration::from_secs(5);

/// How often one that does not say who it is is asked.
const ASKED_AT_MOST: u8 = 3;

/// A drone that is not configured and was heard.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct UnconfiguredDrone {
    pub(crate) address: IpAddr,
    /// Index of the state socket that heard it.
    pub(crate) socket: usize,
    pub(crate) battery_pct: Option<u8>,
    pub(crate) heard: Mono,
    pub(crate) wall: Timestamp,
    motion: Motion,
    asked: u8,
    /// Its serial number, as far as it said.
    serial: Option<Word>,
    /// The configured drone that has this number.
    is: Option<Arc<str>>,
}

impl UnconfiguredDrone {
    /// Whether it stands on the ground and has not said who it is.
    pub(super) fn is_to_be_asked(&self) -> bool {
        let is_open = self.serial.is_none() && self.asked < ASKED_AT_MOST;
        is_open && self.motion.proves_ground(Mono::ZERO)
    }
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
        let is_it = |known: &UnconfiguredDrone| (known.address, known.socket) == (address, socket);
        if let Some(known) = self.0.iter_mut().find(|known| is_it(known)) {
            if now.since(known.heard) > GONE_AFTER {
                // Another one may have its address now.
                (known.asked, known.serial, known.is) = (0, None, None);
            }
            (known.heard, known.wall) = (now, wall);
            known.battery_pct = state.battery_pct.or(known.battery_pct);
            known.motion.take(&state, now);
            return;
        }
        let mut new = UnconfiguredDrone {
            address,
            socket,
            battery_pct: state.battery_pct,
            heard: now,
            wall,
            motion: Motion::default(),
            asked: 0,
            serial: None,
            is: None,
        };
        new.motion.take(&state, now);
        if let Err(new) = self.0.push(new)
            && let Some(oldest) = self.0.iter_mut().min_by_key(|known| known.heard)
            && now.since(oldest.heard) > GONE_AFTER
        {
            *oldest = new;
        }
    }

    /// `stranger` was asked who it is, and said so or not.
    pub(super) fn note(
        &mut self,
        stranger: &UnconfiguredDrone,
        serial: Option<Word>,
        is: Option<Arc<str>>,
    ) {
        let place = (stranger.address, stranger.socket);
        let mut all = self.0.iter_mut();
        if let Some(known) = all.find(|known| (known.address, known.socket) == place) {
            known.asked = known.asked.saturating_add(1);
            (known.serial, known.is) = (serial, is);
        }
    }

    /// What these say of a drone that is missed: that it is one of them, or may be, where
    /// nothing but silence speaks of it.
    pub(super) fn tell_of(&self, drone: &str, is_silent: bool, now: Mono) -> Option<String> {
        let mut present = self.present(now);
        let it = present.find(|known| known.is.as_deref() == Some(drone));
        if let Some(it) = it {
            let serial = it.serial.as_deref().unwrap_or_default();
            return Some(format!(
                ". It has moved: it streams from {} and says its serial number {serial} there; set its `address`",
                it.address
            ));
        }
        let mut unknown = self.present(now).filter(|known| known.serial.is_none());
        let other = unknown.next().filter(|_| is_silent)?;
        Some(format!(
            ". A drone that is not configured streams from {}: if it is this one, it has moved; set its `address`",
            other.address
        ))
    }

    /// Those that are there now.
    pub(crate) fn present(&self, now: Mono) -> impl Iterator<Item = &UnconfiguredDrone> {
        let all = self.0.iter();
        all.filter(move |known| now.since(known.heard) <= GONE_AFTER)
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
    fn one_that_moved_is_named_when_it_has_said_who_it_is() {
        const ON_THE_GROUND: &str = "vgx:0;vgy:0;vgz:0;tof:10;h:0;bat:50;time:9;";
        let now = Mono::from_millis(3_000);
        let mut drones = UnconfiguredDrones::default();
        take(&mut drones, 1, "vgz:0;h:80;bat:50;time:1;", 0);
        take(&mut drones, 1, "vgz:0;h:80;bat:50;time:3;", 2_500);
        for at_ms in (0..=2_600).step_by(200) {
            take(&mut drones, 2, ON_THE_GROUND, at_ms);
        }
        let asked: std::vec::Vec<_> = drones
            .present(now)
            .filter(|one| one.is_to_be_asked())
            .cloned()
            .collect();
        assert_eq!(asked.len(), 1, "what flies is not asked: {asked:?}");
        let tell = |drones: &UnconfiguredDrones, is_silent| drones.tell_of("d1", is_silent, now);
        assert!(tell(&drones, true).is_some_and(|words| words.contains("10.0.0.1: if it is")));
        assert_eq!(tell(&drones, false), None);
        for _ in 0..ASKED_AT_MOST {
            drones.note(&asked[0], None, None);
        }
        assert!(!drones.present(now).any(UnconfiguredDrone::is_to_be_asked));
        let serial = super::super::commander::word("0TQDG00000001");
        drones.note(&asked[0], serial, Some("d1".into()));
        let words = tell(&drones, false).expect("it has moved");
        assert!(
            words.contains("from 10.0.0.2") && words.contains("0TQDG00000001"),
            "{words}"
        );
        // Gone, and back: who knows who has the address now.
        take(&mut drones, 2, ON_THE_GROUND, 60_000);
        let later = Mono::from_millis(60_000);
        assert_eq!(drones.tell_of("d1", false, later), None);
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
