//! One kernel file (or question to it), read again and again, and the sensors decoded from it.
//!
//! The state machine ([`Probe::settle`]) is pure and takes what was read or the
//! error number, so that `EIO` and its kin are tested without a device that
//! fails. Nothing here allocates after construction.

use std::mem;
use std::sync::Arc;

use rustix::io::Errno;

use crate::decode::Decode;
use crate::quantity::{Quantity, Range};
use crate::rates::BACK_OFF_MAX_MS;
use crate::sensor::{Absence, Reading, Sample};
use crate::source::{Attempt, Source};

/// Below this a jump is taken as it is: a board in the sun, a test with a hair dryer.
/// Most processors are switched off here.
const HOT_C: f64 = 105.0;

/// More than anything heats between two samples. A processor without its cooler gains
/// some twenty degrees in two seconds.
const MAX_RISE_C: f64 = 50.0;

/// What a thermometer on 1-wire says that has not measured since its power came back: what
/// is in its memory then. One that is as hot has said before that it is nearly so.
const RESET_C: f64 = 85.0;
const NEARLY_C: f64 = 10.0;

/// One sensor of a probe.
#[derive(Debug)]
pub(crate) struct Channel {
    /// The sensor's place in the table.
    pub(crate) place: u16,
    decode: Decode,
    range: Range,
    /// A temperature: it cannot jump.
    heats: bool,
    /// It says [`RESET_C`] after a reset.
    resets: bool,
    /// The last value is of the same place: the next one follows it.
    followed: bool,
    pub(crate) last: Option<Reading>,
    pub(crate) absent: Option<Absence>,
}

impl Channel {
    pub(crate) fn new(place: u16, decode: Decode, range: Range, quantity: Quantity) -> Self {
        Channel {
            place,
            decode,
            range,
            heats: quantity == Quantity::Temperature,
            resets: false,
            followed: false,
            last: None,
            absent: Some(Absence::NotYetRead),
        }
    }

    /// A search looked anew at what the file's numbers mean: a converter may have another
    /// scale, a battery another full charge.
    pub(crate) fn mean(&mut self, decode: &Decode, range: Range) {
        self.decode.clone_from(decode);
        self.range = range;
    }

    fn settle(&mut self, now_ms: u64, read: Result<&[u8], Absence>) -> Sample {
        let value = read
            .and_then(|bytes| self.decode.apply(bytes))
            .and_then(|value| match self.range.contains(value) {
                true => Ok(value),
                false => Err(Absence::Implausible(value)),
            })
            .and_then(|value| self.unless_reset(value))
            .and_then(|value| self.unless_jumped(now_ms, value));
        match value {
            Ok(value) => self.say(now_ms, value),
            Err(absence) => {
                self.absent = Some(absence);
                Sample::Absent(absence)
            }
        }
    }

    /// The same channel, of a thermometer on 1-wire.
    pub(crate) fn on_one_wire(mut self, is_on_it: bool) -> Self {
        self.resets = is_on_it && self.heats;
        self
    }

    fn unless_reset(&self, value: f64) -> Result<f64, Absence> {
        let before = self.last.filter(|_| self.followed);
        let is_near = before.is_some_and(|last| (last.value - RESET_C).abs() <= NEARLY_C);
        match self.resets && value == RESET_C && !is_near {
            true => Err(Absence::NotReady),
            false => Ok(value),
        }
    }

    /// A hot value that follows a cool one at once is a fault, and stays one until the
    /// sensor says something that can follow the last value it was believed.
    fn unless_jumped(&self, now_ms: u64, value: f64) -> Result<f64, Absence> {
        let Some(last) = self
            .last
            .filter(|_| self.heats && self.followed && value >= HOT_C)
        else {
            return Ok(value);
        };
        let is_recent = now_ms.saturating_sub(last.at_ms) <= BACK_OFF_MAX_MS;
        let had_jumped = matches!(self.absent, Some(Absence::Jumped(..)));
        let jumps = value - last.value > MAX_RISE_C;
        match jumps && (is_recent || had_jumped) {
            true => Err(Absence::Jumped(last.value, value)),
            false => Ok(value),
        }
    }

    fn say(&mut self, now_ms: u64, value: f64) -> Sample {
        let reading = Reading {
            value,
            at_ms: now_ms,
        };
        self.last = Some(reading);
        self.followed = true;
        self.absent = None;
        Sample::Reading(reading)
    }
}

/// One file and when to read it next.
#[derive(Debug)]
pub(crate) struct Probe {
    /// Its number among all there ever were.
    pub(crate) id: u32,
    /// The same device and attribute, whatever number it has this time.
    pub(crate) identity: String,
    /// What hangs together with it.
    pub(crate) bus: Arc<str>,
    /// Where to read; none while a reader has it.
    pub(crate) source: Option<Source>,
    is_marker: bool,
    period_ms: u64,
    due_ms: u64,
    failures: u32,
    /// Not to be opened until a rescan has found the device again: its number
    /// may by now belong to another one.
    gone: bool,
    /// When it was found gone; the place of what is gone longest is reused first.
    gone_since_ms: u64,
    /// The caller still tells somebody of its loss: its place is not reused.
    pub(crate) held: bool,
    /// Its last read was slow, or it was read together with one that was: it is read alone.
    pub(crate) is_slow: bool,
    pub(crate) channels: Vec<Channel>,
}

impl Probe {
    pub(crate) fn new(identity: String, bus: String, source: Source, period_ms: u64) -> Self {
        Probe {
            id: 0,
            identity,
            bus: bus.into(),
            is_marker: source.is_marker(),
            source: Some(source),
            period_ms,
            due_ms: 0,
            failures: 0,
            gone: false,
            gone_since_ms: 0,
            held: false,
            is_slow: false,
            channels: Vec::new(),
        }
    }

    /// The next attempt is not before this.
    pub(crate) fn wait_until(&mut self, now_ms: u64) {
        self.due_ms = now_ms;
    }

    pub(crate) fn due_ms(&self) -> u64 {
        self.due_ms
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.gone
    }

    /// Since when it is gone, if its place may be given to another sensor.
    pub(crate) fn reusable_since_ms(&self) -> Option<u64> {
        (self.gone && !self.held).then_some(self.gone_since_ms)
    }

    /// Takes the source back with what a reader made of it, and gives every channel its
    /// sample.
    pub(crate) fn take(&mut self, now_ms: u64, attempt: &Attempt, emit: impl FnMut(u16, Sample)) {
        match attempt.outcome() {
            (_, Some(why)) => self.refuse(now_ms, why, true, emit),
            (read, None) => self.settle(now_ms, read, emit),
        }
    }

    /// Not to be read: said again at each attempt, so that a caller who missed the first
    /// still learns it.
    pub(crate) fn say_gone(&mut self, now_ms: u64, emit: impl FnMut(u16, Sample)) {
        self.settle(now_ms, Err(Errno::NODEV), emit);
    }

    /// Not read in time, or not read at all because its bus hangs.
    pub(crate) fn say_stuck(&mut self, now_ms: u64, emit: impl FnMut(u16, Sample)) {
        self.refuse(now_ms, Absence::Stuck, false, emit);
    }

    /// Its bus answers again: reads it at once.
    pub(crate) fn unstick(&mut self, now_ms: u64) {
        self.failures = 0;
        self.due_ms = now_ms;
    }

    /// No channel has a value, all for one reason; whether that is how a device that works
    /// says so.
    fn refuse(
        &mut self,
        now_ms: u64,
        why: Absence,
        worked: bool,
        mut emit: impl FnMut(u16, Sample),
    ) {
        for channel in &mut self.channels {
            emit(channel.place, channel.settle(now_ms, Err(why)));
        }
        self.schedule(now_ms, worked);
    }

    /// What an attempt means for the channels and for the next attempt.
    fn settle(
        &mut self,
        now_ms: u64,
        read: Result<&[u8], Errno>,
        mut emit: impl FnMut(u16, Sample),
    ) {
        let read = match read {
            Err(Errno::NOENT) if self.is_marker => Ok(None),
            read => read.map(Some).map_err(Absence::of),
        };
        // One channel that decodes shows that the file works: the others are
        // absent for reasons of their own and must not slow it down.
        let mut worked = false;
        for channel in &mut self.channels {
            let sample = match read {
                // A marker that is not there says no.
                Ok(None) => channel.say(now_ms, 0.0),
                Ok(Some(bytes)) => channel.settle(now_ms, Ok(bytes)),
                Err(absence) => channel.settle(now_ms, Err(absence)),
            };
            // A source that says itself that it has nothing works well.
            worked |= !matches!(sample, Sample::Absent(a) if !matches!(a, Absence::Unavailable(_)));
            emit(channel.place, sample);
        }
        if read == Err(Absence::Vanished) && !mem::replace(&mut self.gone, true) {
            self.gone_since_ms = now_ms;
        }
        self.schedule(now_ms, worked);
    }

    fn schedule(&mut self, now_ms: u64, worked: bool) {
        self.failures = if worked {
            0
        } else {
            self.failures.saturating_add(1)
        };
        // Sixteen doublings of any period are past the limit below.
        let factor = 1_u64 << self.failures.min(16);
        let wait = self.period_ms.saturating_mul(factor);
        self.due_ms = now_ms.saturating_add(wait.min(self.period_ms.max(BACK_OFF_MAX_MS)));
    }

    /// The device is there, at this source: reads it at once if it was gone or
    /// has moved.
    pub(crate) fn found_at(&mut self, now_ms: u64, bus: &str, found: Source) -> bool {
        let has_moved = |source: &Source| source.path != found.path;
        // What a reader has is where it was found.
        let moved = self.gone || self.source.as_ref().is_some_and(has_moved);
        // A device that merely stayed keeps its rhythm and its back-off.
        if moved {
            self.source = Some(found);
            self.gone = false;
            self.failures = 0;
            self.due_ms = now_ms;
            // What it said elsewhere, or before it was taken off, bounds nothing.
            for channel in &mut self.channels {
                channel.followed = false;
            }
            if *self.bus != *bus {
                self.bus = bus.into();
            }
        } else if let Some(source) = &mut self.source {
            source.set_gates(found.into_gates());
        }
        moved
    }

    /// The device is not there any more; says so at the next sample.
    pub(crate) fn lost(&mut self, now_ms: u64) -> bool {
        let is_new = !mem::replace(&mut self.gone, true);
        if is_new {
            if let Some(source) = &mut self.source {
                source.close();
            }
            self.due_ms = now_ms;
            self.gone_since_ms = now_ms;
        }
        is_new
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discover::Origin;
    use crate::tree::Handles;

    fn source(path: &str, origin: Origin) -> Source {
        Source::new(path.into(), Handles::Keep, origin, Vec::new())
    }

    fn of(origin: Origin, period_ms: u64) -> Probe {
        let source = source("/nowhere", origin);
        Probe::new("id".to_owned(), String::new(), source, period_ms)
    }

    fn probe() -> Probe {
        let mut probe = of(Origin::File, 2_000);
        let range = Quantity::Temperature.plausible();
        probe
            .channels
            .push(Channel::new(0, Decode::MILLI, range, Quantity::Temperature));
        probe
    }

    fn settle(probe: &mut Probe, now_ms: u64, read: Result<&[u8], Errno>) -> Sample {
        let mut seen = None;
        probe.settle(now_ms, read, |_, sample| seen = Some(sample));
        seen.expect("one channel")
    }

    #[test]
    fn a_reading_is_kept_and_the_next_is_a_period_away() {
        let mut p = probe();
        let reading = Reading {
            value: 48.312,
            at_ms: 1_000,
        };
        assert_eq!(
            settle(&mut p, 1_000, Ok(b"48312\n")),
            Sample::Reading(reading)
        );
        assert_eq!(p.due_ms(), 3_000);
    }

    #[test]
    fn every_failure_has_its_reason() {
        for (read, reason) in [
            (Err(Errno::IO), Absence::Io(5)),
            (Err(Errno::AGAIN), Absence::NotReady),
            (Err(Errno::NODATA), Absence::NotReady),
            (Err(Errno::ACCESS), Absence::Denied),
            (Err(Errno::NODEV), Absence::Vanished),
            (Ok(&b"hello\n"[..]), Absence::NotANumber),
            (Ok(&b""[..]), Absence::NotANumber),
            (Ok(&b"-274000\n"[..]), Absence::Implausible(-274.0)),
            (
                Ok(&b"9999999999\n"[..]),
                Absence::Implausible(9_999_999.999),
            ),
        ] {
            assert_eq!(settle(&mut probe(), 0, read), Sample::Absent(reason));
        }
    }

    #[test]
    fn a_rise_that_nothing_makes_is_a_fault_until_it_is_over() {
        let mut p = probe();
        let celsius =
            |p: &mut Probe, second: u64, text: &[u8]| match settle(p, second * 1_000, Ok(text)) {
                Sample::Reading(reading) => Ok(reading.value),
                Sample::Absent(why) => Err(why.kind()),
            };
        assert_eq!(celsius(&mut p, 0, b"48000"), Ok(48.0));
        assert_eq!(celsius(&mut p, 2, b"95000"), Ok(95.0), "hot, and believed");
        assert_eq!(celsius(&mut p, 4, b"118000"), Ok(118.0), "on its way up");
        assert_eq!(celsius(&mut p, 6, b"48000"), Ok(48.0));
        assert_eq!(celsius(&mut p, 8, b"120000"), Err("jumped"));
        assert_eq!(celsius(&mut p, 3_600, b"121000"), Err("jumped"), "for ever");
        assert_eq!(celsius(&mut p, 3_602, b"50000"), Ok(50.0));
    }

    #[test]
    fn a_thermometer_that_was_reset_has_not_measured() {
        let mut p = probe();
        let channel = p.channels.pop().expect("one");
        p.channels.push(channel.on_one_wire(true));
        let mut celsius = |text: &[u8]| match settle(&mut p, 0, Ok(text)) {
            Sample::Reading(reading) => Ok(reading.value),
            Sample::Absent(why) => Err(why),
        };
        assert_eq!(
            celsius(b"85000"),
            Err(Absence::NotReady),
            "the first it says"
        );
        assert_eq!(celsius(b"21500"), Ok(21.5));
        assert_eq!(
            celsius(b"85000"),
            Err(Absence::NotReady),
            "its power came back"
        );
        assert_eq!(celsius(b"84900"), Ok(84.9), "in boiling water");
        assert_eq!(celsius(b"85000"), Ok(85.0));
    }

    #[test]
    fn failures_back_off_up_to_a_minute_and_a_success_ends_it() {
        let mut p = probe();
        let mut now = 0;
        let mut waits = Vec::new();
        for _ in 0..8 {
            settle(&mut p, now, Err(Errno::IO));
            waits.push(p.due_ms() - now);
            now = p.due_ms();
        }
        assert_eq!(
            waits,
            [4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000, 60_000]
        );
        settle(&mut p, now, Ok(b"40000"));
        assert_eq!(p.due_ms() - now, 2_000);
    }

    #[test]
    fn a_vanished_device_waits_to_be_found() {
        let mut p = probe();
        settle(&mut p, 0, Err(Errno::NODEV));
        assert!(p.is_gone());
        p.say_gone(4_000, |_, sample| {
            assert_eq!(sample, Sample::Absent(Absence::Vanished));
        });
        let elsewhere = || source("/elsewhere", Origin::File);
        assert!(p.found_at(5_000, "", elsewhere()));
        assert_eq!((p.is_gone(), p.due_ms()), (false, 5_000));
        assert!(!p.found_at(6_000, "", elsewhere()));
    }

    #[test]
    fn a_missing_marker_says_no() {
        let mut p = of(Origin::Marker, 1_000);
        p.channels.push(Channel::new(
            0,
            Decode::Exists,
            Quantity::Flag.plausible(),
            Quantity::Flag,
        ));
        let no = Sample::Reading(Reading {
            value: 0.0,
            at_ms: 7,
        });
        assert_eq!(settle(&mut p, 7, Err(Errno::NOENT)), no);
        assert!(!p.is_gone());
    }
}
