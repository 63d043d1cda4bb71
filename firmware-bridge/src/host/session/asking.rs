//! What is to be said of a port while its board is not known: who is on it instead, what
//! is wrong with what it says of itself, and that nobody knows whether it is stopped.

use super::super::event::{LinkEvent, LostReason};
use super::super::foreign::{Foreign, escaped};
use super::{HELLO, HostSession, Phase};

/// How long a board that was asked may take to say whether it is stopped: it does so
/// with its answer, or within its second.
const STATE_US: u64 = 1_000_000;

/// How long a port that says nothing is listened to before it is probed: a board that
/// hears no host greets every two seconds.
const PROBE_AFTER_US: u64 = 2_200_000;

/// Time to the second probe; it doubles from probe to probe.
const PROBE_AGAIN_US: u64 = 1_000_000;

/// Longest time between two probes.
const PROBE_SELDOM_US: u64 = 30_000_000;

/// Number of the probing hello. With it no byte of the frame is a character, the end of a
/// line, or an order to a machine's controller, an interpreter or a terminal.
const PROBE_SEQUENCE: u16 = 0xc700;

/// When a port that was opened now is probed, and how long after that again.
pub(super) fn probing(now_us: u64) -> (u64, u64) {
    (now_us.saturating_add(PROBE_AFTER_US), PROBE_AGAIN_US)
}

impl HostSession {
    /// Probes a port that has said nothing since it was opened; when to come again.
    pub(super) fn probe_when_due(&mut self, now_us: u64) -> u64 {
        if self.is_disturbed || !self.first_bytes.is_empty() {
            return u64::MAX;
        }
        if self.probe_due_us <= now_us {
            self.sender.number_from(PROBE_SEQUENCE);
            self.hello_made = true;
            self.send(&HELLO);
            self.probe_due_us = now_us + self.probe_wait_us;
            self.probe_wait_us = (self.probe_wait_us * 2).min(PROBE_SELDOM_US);
        }
        self.probe_due_us
    }

    /// Nobody was met for as long as a port is listened to.
    pub(super) fn met_nobody(&mut self, now_us: u64, sink: &mut impl FnMut(LinkEvent)) {
        let reason = if let Some(why) = self.ungreeted.take() {
            LostReason::Ungreeted { why }
        } else if self.asked_us.is_some() {
            LostReason::Unheard
        } else if self.first_bytes.is_empty() {
            LostReason::NoGreeting
        } else {
            LostReason::Foreign {
                whose: Foreign::of(&self.first_bytes),
                first: escaped(&self.first_bytes),
            }
        };
        self.is_foreign = self.asked_us.is_none();
        self.is_disturbed |= !self.first_bytes.is_empty();
        // What was heard of a board is the better reason, and stays.
        let better = match self.reported {
            Some(
                LostReason::Incompatible { .. }
                | LostReason::Ungreeted { .. }
                | LostReason::Undescribed { .. },
            ) => !matches!(reason, LostReason::Ungreeted { .. }),
            Some(LostReason::Unheard | LostReason::Silent | LostReason::Foreign { .. }) => {
                reason == LostReason::NoGreeting
            }
            _ => false,
        };
        if better {
            self.ask(now_us);
        } else {
            self.lost(reason, now_us, sink);
        }
    }

    /// Why a board that greets is not known after all this time.
    pub(super) fn undescribed(&self) -> LostReason {
        let Phase::Describing {
            greeting, sensors, ..
        } = &self.phase
        else {
            return LostReason::Unheard;
        };
        // It greets by itself; a board that hears us describes something.
        if !self.is_describing && self.refusal.is_none() {
            return LostReason::Unheard;
        }
        let missing = (0..greeting.sensors)
            .find(|index| matches!(sensors.get(usize::from(*index)), Some(None)));
        if self.is_deaf && missing.is_none() {
            return LostReason::Unheard;
        }
        let refused = self.refusal.as_ref().map(|refusal| refusal.sensor);
        LostReason::Undescribed {
            sensor: refused.or(missing).unwrap_or_default(),
            refusal: self.refusal.clone(),
        }
    }

    /// Tells that the board does not say whether it is stopped, when it is time; when it
    /// will be.
    pub(super) fn miss_stop(&mut self, now_us: u64, sink: &mut impl FnMut(LinkEvent)) -> u64 {
        let Some(asked_us) = self.asked_us else {
            return u64::MAX;
        };
        if self.emergency_stop.is_some() || self.stop_unknown_told {
            return u64::MAX;
        }
        let due_us = asked_us.saturating_add(STATE_US);
        if now_us < due_us {
            return due_us;
        }
        self.stop_unknown_told = true;
        sink(LinkEvent::StopUnknown);
        u64::MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::MAX_FRAME_BYTES;
    use crate::message::ToMcu;

    #[test]
    fn no_byte_of_the_probe_is_an_order_to_anything() {
        let mut sender = crate::channel::Sender::<ToMcu>::new();
        sender.number_from(PROBE_SEQUENCE);
        let mut buffer = [0; MAX_FRAME_BYTES];
        let frame = sender.encode(&HELLO, &mut buffer).expect("room");
        for byte in frame {
            let is_order = match byte {
                // Text: a command, or a part of one.
                b' '..=b'~' | 0x7f => true,
                // Interrupt, end of input, enquiry, ends of lines, flow control, cancel,
                // suspend, escape.
                3..=5 | 0x0a | 0x0d | 0x11 | 0x13 | 0x18 | 0x1a | 0x1b => true,
                // What controllers of machines obey at once, beyond ASCII.
                0x84 | 0x85 | 0x90..=0xa1 => true,
                _ => false,
            };
            assert!(!is_order, "{byte:#04x} in {frame:02x?}");
        }
    }
}
