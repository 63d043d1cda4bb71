//! The counters of the listeners at `/metrics`.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use readings::measured::{Labels, Measured, Page};

use crate::ServerStats;

impl Measured for ServerStats {
    fn measure(&self, page: &mut Page<'_>) -> fmt::Result {
        page.counter(
            "connections_accepted",
            "Connections accepted",
            read(&self.accepted),
        )?;
        page.gauge(
            "connections_open",
            "Connections open",
            read(&self.open) as f64,
        )?;
        let caps: [(Labels<'_>, u64); 2] = [
            (&[("cap", "total")], read(&self.refused_total_cap)),
            (&[("cap", "address")], read(&self.refused_address_cap)),
        ];
        page.counters("connections_refused", "Connections refused at a cap", caps)?;
        page.counter(
            "connections_displaced",
            "Connections without a key that gave way to others at the cap in all",
            read(&self.gave_way),
        )?;
        let versions: [(Labels<'_>, u64); 2] = [
            (&[("version", "1.2")], read(&self.handshakes_tls12)),
            (&[("version", "1.3")], read(&self.handshakes_tls13)),
        ];
        page.counters("tls_handshakes", "TLS hand-shakes completed", versions)?;
        page.counter(
            "tls_handshake_failures",
            "TLS hand-shakes that failed",
            read(&self.handshake_failures),
        )?;
        page.counter(
            "tls_handshake_timeouts",
            "TLS hand-shakes that took too long",
            read(&self.handshake_timeouts),
        )?;
        page.counter(
            "header_timeouts",
            "Connections closed waiting for a header",
            read(&self.header_timeouts),
        )?;
        page.counter(
            "idle_timeouts",
            "Connections closed for being idle",
            read(&self.idle_timeouts),
        )?;
        page.counter(
            "write_timeouts",
            "Connections closed because the peer did not read",
            read(&self.write_timeouts),
        )?;
        page.counter(
            "websockets_fragmented",
            "WebSockets cut off because a message had too many frames",
            read(&self.websockets_fragmented),
        )?;
        page.counter(
            "accept_errors",
            "Errors of accept itself",
            read(&self.accept_errors),
        )
    }
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
