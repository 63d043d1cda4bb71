//! Recordings at `/metrics`.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use readings::measured::{Measured, Page};

use super::{Recordings, since_start};

impl Measured for Recordings {
    fn measure(&self, page: &mut Page<'_>) -> fmt::Result {
        let stats = &self.stats;
        page.gauge(
            "recordings_active",
            "Flights that are being recorded now",
            read(&stats.active) as f64,
        )?;
        page.counter(
            "recording_lost",
            "Datagrams, events and alerts of recorded flights that no recording holds",
            read(&stats.lost),
        )?;
        page.counter(
            "recording_refused",
            "Times that a flight was not recorded, or not to its end",
            read(&stats.refused),
        )?;
        page.counter(
            "audit_signed_lost",
            "Lines of the audit trail that no signed file holds",
            read(&stats.trail_lost),
        )?;
        let Some(library) = self.library() else {
            return Ok(());
        };
        let (count, bytes) = library.extent();
        let limits = library.limits();
        page.gauge("recordings", "Recordings kept", count as f64)?;
        page.gauge("recording_bytes", "Bytes of recordings kept", bytes as f64)?;
        page.gauge(
            "recording_max_bytes",
            "Bytes of recordings above which the oldest go",
            limits.max_bytes as f64,
        )?;
        page.gauge(
            "recording_written_day_bytes",
            "Bytes written by recordings in the last 24 hours",
            library.spent(since_start()) as f64,
        )?;
        page.gauge(
            "recording_max_day_bytes",
            "Bytes that recordings may write in 24 hours",
            limits.max_bytes_a_day as f64,
        )?;
        let stats = &library.stats;
        page.counter("recordings_begun", "Recordings begun", read(&stats.begun))?;
        page.counter(
            "recordings_evicted",
            "Recordings removed for newer ones, or for their age",
            read(&stats.evicted),
        )?;
        page.counter(
            "recordings_recovered",
            "Recordings without an end that were ended at a start",
            read(&stats.recovered),
        )?;
        page.counter(
            "recording_written_bytes",
            "Bytes written by recordings, as the medium has to write them",
            read(&stats.written),
        )
    }
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
