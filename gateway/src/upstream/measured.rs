//! The upstream at `/metrics`: what came of requests, bytes both ways, and how
//! the breaker stands.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Upstream;
use super::breaker::BreakerState;
use super::link::Link;
use readings::measured::{Labels, Measured, Page};

/// None without a configured one.
impl Measured for Upstream {
    fn measure(&self, page: &mut Page<'_>) -> fmt::Result {
        self.link.as_ref().map_or(Ok(()), |link| {
            requests(link, page)?;
            breaker(link, page)
        })
    }
}

fn requests(link: &Link, page: &mut Page<'_>) -> fmt::Result {
    let counters = &link.counters;
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    let outcomes: [(Labels<'_>, u64); 8] = [
        (&[("outcome", "answered")], read(&counters.answered)),
        (&[("outcome", "unreachable")], read(&counters.unreachable)),
        (&[("outcome", "timed_out")], read(&counters.timed_out)),
        (&[("outcome", "failed")], read(&counters.bad)),
        (&[("outcome", "busy")], read(&counters.busy)),
        (&[("outcome", "left_alone")], read(&counters.left_alone)),
        (&[("outcome", "client_gone")], read(&counters.client_gone)),
        (&[("outcome", "too_large")], read(&counters.too_large)),
    ];
    page.counters(
        "upstream_requests",
        "Requests for the upstream, by what came of them",
        outcomes,
    )?;
    page.counter(
        "upstream_answers_cut",
        "Answers that broke off while passed back",
        read(&counters.cut),
    )?;
    page.counter(
        "upstream_repeated",
        "Reads sent again after a kept connection closed",
        read(&counters.repeated),
    )?;
    page.counter(
        "upstream_sent_bytes",
        "Bytes of bodies passed to the upstream",
        read(&counters.sent_bytes),
    )?;
    page.counter(
        "upstream_received_bytes",
        "Bytes of bodies passed back",
        read(&counters.received_bytes),
    )?;
    page.gauge(
        "upstream_slots_free",
        "Further requests that may be under way",
        link.most_places.saturating_sub(link.places.taken()) as f64,
    )
}

fn breaker(link: &Link, page: &mut Page<'_>) -> fmt::Result {
    let (state, opened) = {
        let breaker = link.breaker();
        (breaker.state(), breaker.opened())
    };
    let is = |wanted| f64::from(u8::from(state == wanted));
    let states: [(Labels<'_>, f64); 3] = [
        (&[("state", "closed")], is(BreakerState::Closed)),
        (&[("state", "open")], is(BreakerState::Open)),
        (&[("state", "half_open")], is(BreakerState::HalfOpen)),
    ];
    page.gauges(
        "upstream_breaker",
        "1 at the state of the circuit breaker",
        states,
    )?;
    page.counter(
        "upstream_breaker_opened",
        "Times the upstream was left alone",
        opened,
    )
}
