//! The video of one drone: datagrams in, whole frames out to whoever watches.
//!
//! Joins the pure parts: gathers access units, keeps the parameter sets and the
//! newest whole picture, fills the ring, counts. Its lock is held for the copy
//! of one frame and never across an await. Nothing is allocated until a drone
//! streams, and what was is given back when it has been silent for a while.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use readings::clock::Mono;
use tello::h264::{
    AccessUnits, Gathered, ParameterSets, Sps, Verdict, find_start_code, nal_units,
    opens_access_unit,
};
use tokio::sync::watch;

use super::ring::{Frame, Place, Ring};
use crate::sources::tello::rate::Rate;

/// Length of the datagrams into which firmware cuts a frame; the last is shorter.
const FULL_DATAGRAM_BYTES: usize = 1460;

/// Silence after which the frames of a stream are let go.
const SILENT_AFTER: Duration = Duration::from_secs(5);

/// Counts of one drone's video since start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VideoCounts {
    /// Datagrams from its address.
    pub datagrams: u64,
    /// Bytes in them.
    pub bytes: u64,
    /// Frames relayed.
    pub frames: u64,
    /// Of those, whole pictures.
    pub keys: u64,
    /// Frames of which a datagram seems to be missing.
    pub damaged: u64,
    /// Frames that never came, by the gaps in their numbers.
    pub missing: u64,
    /// Frames dropped for their length.
    pub oversized: u64,
    /// Frames dropped because no decoder could use them: before the first whole
    /// picture, or without believable parameters.
    pub undecodable: u64,
    /// Frames that viewers did not get because they read too slowly.
    pub skipped: u64,
}

/// The video of one drone as the API shows it.
#[derive(Clone, Debug)]
pub struct VideoView {
    /// Whether the drone was asked to stream.
    pub asked: bool,
    /// Frames in the last second.
    pub fps: u32,
    /// Bits in the last second.
    pub bit_s: u64,
    /// Share of the last second's frames that are damaged or missing, as far as
    /// that can be told, in percent; none without frames.
    pub loss_pct: Option<f64>,
    /// Parameters of the stream, when it is known.
    pub sps: Option<Sps>,
    /// Viewers now.
    pub viewers: u64,
    /// Counts since start.
    pub counts: VideoCounts,
}

/// A whole picture.
#[derive(Clone, Debug)]
pub struct Still {
    /// An access unit in Annex B with its parameter sets.
    pub bytes: Bytes,
    /// When it arrived.
    pub at: Mono,
    /// Its number among the drone's whole pictures since start, from 1.
    pub number: u64,
}

/// The video of one drone.
#[derive(Debug)]
pub(crate) struct Feed {
    inner: Mutex<FleetParts>,
    /// Counts what viewers should look for.
    news: watch::Sender<u64>,
    viewers: AtomicU64,
    /// Whether an operator wishes for the stream, beyond a photo.
    kept: AtomicBool,
}

#[derive(Debug, Default)]
struct FleetParts {
    units: AccessUnits,
    cut: Cut,
    parameters: ParameterSets,
    ring: Ring,
    newest_key: Option<Still>,
    heard: Option<Mono>,
    asked: bool,
    /// Counts the streams that ended.
    ended: u64,
    counts: VideoCounts,
    frames: Rate,
    bytes: Rate,
    lost: Rate,
}

/// What the lengths of datagrams tell of lost ones. A hint only: a sender that
/// cuts otherwise is not judged.
#[derive(Debug, Default)]
struct Cut {
    previous: usize,
    as_firmware: bool,
    damaged: bool,
}

impl Cut {
    /// Looks at the next datagram of the stream.
    fn look(&mut self, datagram: &[u8]) {
        let begins = find_start_code(&datagram[..datagram.len().min(4)], 0).is_some();
        let opens = begins && nal_units(datagram).next().and_then(opens_access_unit) == Some(true);
        if self.as_firmware {
            let was_full = self.previous == FULL_DATAGRAM_BYTES;
            // A frame that goes on behind its end has lost its beginning; one that
            // stops at a full datagram its end, but for one in 1460.
            self.damaged |= if was_full { opens } else { !begins };
        }
        self.as_firmware |= datagram.len() == FULL_DATAGRAM_BYTES;
        self.as_firmware &= datagram.len() <= FULL_DATAGRAM_BYTES;
        self.previous = datagram.len();
    }
}

impl Default for Feed {
    fn default() -> Self {
        Feed {
            inner: Mutex::default(),
            news: watch::Sender::new(0),
            viewers: AtomicU64::new(0),
            kept: AtomicBool::new(false),
        }
    }
}

impl Feed {
    fn inner(&self) -> MutexGuard<'_, FleetParts> {
        // Plain values: after a panic a damaged frame at worst.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&self) {
        self.news.send_modify(|news| *news = news.wrapping_add(1));
    }

    /// Takes a datagram of this drone.
    pub(crate) fn take(&self, datagram: &[u8], now: Mono) {
        if self.inner().take(datagram, now) {
            self.tell();
        }
    }

    /// Notes that the drone was asked to stream, or to stop.
    pub(crate) fn ask(&self, asked: bool) {
        let before = std::mem::replace(&mut self.inner().asked, asked);
        if before && !asked {
            self.keep(false);
            self.end();
        }
    }

    /// Notes that an operator wishes for the stream, or no longer.
    pub(crate) fn keep(&self, keep: bool) {
        self.kept.store(keep, Relaxed);
    }

    /// Whether an operator wishes for the stream.
    pub(crate) fn is_kept(&self) -> bool {
        self.kept.load(Relaxed)
    }

    /// Whether the drone was asked to stream.
    pub(crate) fn asked(&self) -> bool {
        self.inner().asked
    }

    /// How long nothing came; none when nothing ever did.
    pub(crate) fn silence(&self, now: Mono) -> Option<Duration> {
        self.inner().heard.map(|heard| now.since(heard))
    }

    /// Lets go of a stream that has fallen silent. Called every second.
    pub(crate) fn rest(&self, now: Mono) {
        if self
            .silence(now)
            .is_some_and(|silence| silence >= SILENT_AFTER)
        {
            self.end();
        }
    }

    fn end(&self) {
        {
            let mut inner = self.inner();
            inner.heard = None;
            inner.units.reset();
            inner.ring.clear();
            inner.newest_key = None;
            inner.parameters = ParameterSets::default();
            inner.cut = Cut::default();
            inner.ended += 1;
        }
        self.tell();
    }

    /// What is known now.
    pub(crate) fn view(&self, now: Mono) -> VideoView {
        let viewers = self.viewers.load(Relaxed);
        let inner = self.inner();
        let (fps, lost) = (inner.frames.last_second(now), inner.lost.last_second(now));
        VideoView {
            asked: inner.asked,
            fps,
            bit_s: u64::from(inner.bytes.last_second(now)) * 8,
            loss_pct: (fps > 0)
                .then(|| (f64::from(lost) * 100.0 / f64::from(fps + lost)).min(100.0)),
            sps: inner.parameters.sps(),
            viewers,
            counts: inner.counts,
        }
    }

    /// The newest whole picture that arrived at `since` or later; waits for it.
    pub(crate) async fn still_since(&self, since: Mono) -> Still {
        self.still(|still| still.at >= since).await
    }

    /// The newest whole picture with a number above `number`; waits for it.
    pub(crate) async fn still_after(&self, number: u64) -> Still {
        self.still(|still| still.number > number).await
    }

    async fn still(&self, wanted: impl Fn(&Still) -> bool) -> Still {
        let mut news = self.news.subscribe();
        loop {
            news.borrow_and_update();
            let newest = self.inner().newest_key.clone();
            if let Some(still) = newest.filter(&wanted) {
                return still;
            }
            // Cannot end: the sender is this feed's.
            let _ = news.changed().await;
        }
    }

    /// A viewer of this drone.
    pub(crate) fn watch(self: &Arc<Self>) -> Viewer {
        self.viewers.fetch_add(1, Relaxed);
        let ended = self.inner().ended;
        Viewer {
            news: self.news.subscribe(),
            feed: self.clone(),
            place: Place::default(),
            format: None,
            ended,
            last: (Mono::ZERO, false),
        }
    }
}

impl FleetParts {
    /// Whether a frame was completed.
    fn take(&mut self, datagram: &[u8], now: Mono) -> bool {
        self.heard = Some(now);
        self.counts.datagrams += 1;
        self.counts.bytes += datagram.len() as u64;
        self.bytes.add(now, datagram.len() as u32);
        self.cut.look(datagram);
        let mut units = std::mem::take(&mut self.units);
        let before = self.counts.frames;
        units.take(datagram, |gathered| match gathered {
            Gathered::Unit(unit) => self.frame(unit, now),
            Gathered::Oversized => {
                self.counts.oversized += 1;
                self.lose(1, now);
            }
        });
        self.units = units;
        self.counts.frames > before
    }

    fn lose(&mut self, frames: u32, now: Mono) {
        self.cut.damaged = false;
        self.lost.add(now, frames);
    }

    fn frame(&mut self, unit: &[u8], now: Mono) {
        let Verdict {
            sps,
            key,
            missing,
            complete,
        } = match self.parameters.judge(unit) {
            Some(verdict) => verdict,
            None => {
                self.counts.undecodable += 1;
                return self.lose(1, now);
            }
        };
        let bytes = complete.unwrap_or_else(|| Bytes::copy_from_slice(unit));
        let damaged = std::mem::take(&mut self.cut.damaged);
        self.counts.frames += 1;
        self.counts.keys += u64::from(key);
        self.counts.damaged += u64::from(damaged);
        self.counts.missing += u64::from(missing);
        self.frames.add(now, 1);
        self.lost.add(now, missing + u32::from(damaged));
        // A whole picture that may lack a part does not replace one that does not.
        if key && !(damaged && self.newest_key.is_some()) {
            self.newest_key = Some(Still {
                bytes: bytes.clone(),
                at: now,
                number: self.counts.keys,
            });
        }
        self.ring.push(Frame {
            bytes,
            key,
            at: now,
            sps,
        });
    }
}

/// What a viewer is told.
#[derive(Debug, PartialEq)]
pub enum Shown {
    /// How the frames from here on are coded.
    Format(Sps),
    /// A frame: an access unit in Annex B.
    Frame(Bytes),
    /// The drone streams no more; it may begin again.
    Stopped,
}

/// Somebody who watches a drone. Holds no frames: only a place in the drone's.
#[derive(Debug)]
pub struct Viewer {
    feed: Arc<Feed>,
    news: watch::Receiver<u64>,
    place: Place,
    format: Option<Sps>,
    ended: u64,
    /// When the frame that was shown last was whole, and whether it needs no other.
    last: (Mono, bool),
}

impl Viewer {
    /// What comes next. Can be dropped and called again without losing anything.
    pub async fn next(&mut self) -> Shown {
        loop {
            self.news.borrow_and_update();
            if let Some(shown) = self.now() {
                return shown;
            }
            // Cannot end: the feed is held.
            let _ = self.news.changed().await;
        }
    }

    /// When the frame that was shown last was whole, and whether it needs no other.
    #[must_use]
    pub fn last(&self) -> (Mono, bool) {
        self.last
    }

    fn now(&mut self) -> Option<Shown> {
        let mut inner = self.feed.inner();
        if self.ended != inner.ended {
            self.ended = inner.ended;
            self.place = Place::default();
            if self.format.take().is_some() {
                return Some(Shown::Stopped);
            }
        }
        let before = self.place;
        let (frame, skipped) = inner.ring.take(&mut self.place)?;
        if self.format != Some(frame.sps) {
            self.format = Some(frame.sps);
            let format = frame.sps;
            self.place = before;
            return Some(Shown::Format(format));
        }
        let shown = Shown::Frame(frame.bytes.clone());
        self.last = (frame.at, frame.key);
        inner.counts.skipped += skipped;
        Some(shown)
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        self.feed.viewers.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
#[path = "feed_tests.rs"]
mod tests;
