//! Photos at `/metrics`.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use readings::measured::{Measured, Page};

use super::Album;

impl Measured for Album {
    fn measure(&self, page: &mut Page<'_>) -> fmt::Result {
        let (photos, photo_bytes) = self.extent();
        let taken = &self.stats;
        page.gauge("photos", "Photos kept", photos as f64)?;
        page.gauge("photo_bytes", "Bytes of photos kept", photo_bytes as f64)?;
        page.counter("photos_taken", "Photos taken", read(&taken.taken))?;
        page.counter(
            "photos_evicted",
            "Photos removed for newer ones",
            read(&taken.evicted),
        )?;
        page.counter(
            "photos_failed",
            "Photos that could not be taken or kept",
            read(&taken.failed),
        )?;
        page.counter(
            "photos_undecoded",
            "Pictures the decoder could not turn into a JPEG",
            read(&taken.undecoded),
        )
    }
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
