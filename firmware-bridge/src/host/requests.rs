//! Commands under way: wishes for rates and one-shot commands, tried until the
//! board answers, a few times at most. One at a time, so that an answer's
//! meaning is never in doubt.

use heapless::{Deque, Vec};

use crate::message::{Outcome, ToMcu};
use crate::sensor::{MAX_SENSORS, Sensor};

/// One-shot commands waiting their turn.
const MAX_COMMANDS: usize = 8;

/// Tries of one command before it counts as failed.
const MAX_TRIES: usize = 5;

/// Time between two tries of anything that was not confirmed.
pub(super) const RETRY_US: u64 = 300_000;

#[derive(Debug)]
struct Pending {
    command: ToMcu,
    /// Numbers of the frames that carried it, one per try.
    sequences: Vec<u16, MAX_TRIES>,
    due_us: u64,
}

/// Commands that want an answer.
#[derive(Debug, Default)]
pub(super) struct Requests {
    rates: [Option<u32>; MAX_SENSORS],
    /// Sensors whose rate is still to be told, one bit each.
    rates_due: u16,
    commands: Deque<ToMcu, MAX_COMMANDS>,
    pending: Option<Pending>,
    done: u64,
    failed: u64,
    dropped: u64,
}

impl Requests {
    pub(super) fn set_rate(&mut self, sensor: u8, interval_ms: u32) {
        if let Some(rate) = self.rates.get_mut(usize::from(sensor)) {
            *rate = Some(interval_ms);
            self.rates_due |= 1 << sensor;
        }
    }

    /// Queues a one-shot command; false when the queue is full.
    pub(super) fn push(&mut self, command: ToMcu) -> bool {
        let queued = self.commands.push_back(command).is_ok();
        self.dropped += u64::from(!queued);
        queued
    }

    /// A board was met: it has to be told what differs from its own rates.
    pub(super) fn meet(&mut self, sensors: &[Sensor]) {
        self.rates_due = 0;
        for (index, sensor) in sensors.iter().enumerate() {
            if self.rates[index].is_some_and(|rate| rate != sensor.interval_ms) {
                self.rates_due |= 1 << index;
            }
        }
    }

    /// The other end is gone: nobody will answer what is under way.
    pub(super) fn forsake(&mut self) {
        self.failed += u64::from(self.pending.take().is_some());
    }

    pub(super) fn answered(&mut self, sequence: u16, outcome: Outcome) {
        let ours = |pending: &mut Pending| pending.sequences.contains(&sequence);
        if self.pending.take_if(ours).is_some() {
            match outcome {
                Outcome::Done => self.done += 1,
                _ => self.failed += 1,
            }
        }
    }

    /// Sends what is due with `send`, which gives the frame's number or nothing
    /// when there was no room. Returns when to come again.
    pub(super) fn pursue(
        &mut self,
        now_us: u64,
        send: impl FnOnce(&ToMcu) -> Option<u16>,
    ) -> Option<u64> {
        if self.pending.is_none() {
            self.pending = self.next().map(|command| Pending {
                command,
                sequences: Vec::new(),
                due_us: now_us,
            });
        }
        let pending = self.pending.as_mut()?;
        if pending.due_us <= now_us {
            if pending.sequences.is_full() {
                self.forsake();
                // Another may be waiting.
                return Some(now_us);
            }
            if let Some(sequence) = send(&pending.command) {
                // Not full, as just checked.
                let _ = pending.sequences.push(sequence);
            }
            pending.due_us = now_us + RETRY_US;
        }
        Some(pending.due_us)
    }

    /// Commands done, failed, and dropped at the full queue, since the start.
    pub(super) fn counts(&self) -> (u64, u64, u64) {
        (self.done, self.failed, self.dropped)
    }

    fn next(&mut self) -> Option<ToMcu> {
        if self.rates_due != 0 {
            let sensor = self.rates_due.trailing_zeros() as u8;
            self.rates_due &= self.rates_due - 1;
            let interval_ms = self.rates[usize::from(sensor)]?;
            return Some(ToMcu::Rate {
                sensor,
                interval_ms,
            });
        }
        self.commands.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unanswered_command_is_tried_a_few_times_then_given_up() {
        let mut requests = Requests::default();
        requests.set_rate(3, 100);
        let mut sent = 0_u16;
        let mut now_us = 0;
        while let Some(due_us) = requests.pursue(now_us, |_| {
            sent += 1;
            Some(sent)
        }) {
            now_us = due_us;
        }
        assert_eq!(usize::from(sent), MAX_TRIES);
        assert_eq!(requests.counts(), (0, 1, 0));
    }

    #[test]
    fn an_answer_to_any_try_counts_once() {
        let mut requests = Requests::default();
        requests.push(ToMcu::Ping { nonce: 1 });
        requests.pursue(0, |_| Some(10));
        requests.pursue(RETRY_US, |_| Some(20));
        requests.answered(11, Outcome::Done); // somebody else's
        requests.answered(10, Outcome::Done);
        requests.answered(20, Outcome::Done);
        assert_eq!(requests.counts(), (1, 0, 0));
    }

    #[test]
    fn a_full_queue_refuses_and_counts() {
        let mut requests = Requests::default();
        for nonce in 0..MAX_COMMANDS as u32 {
            assert!(requests.push(ToMcu::Ping { nonce }));
        }
        assert!(!requests.push(ToMcu::Ping { nonce: 99 }));
        assert_eq!(requests.counts(), (0, 0, 1));
    }
}
