//! `[mqtt]`: values of gateway, drones and board to the site's broker, all the time; and
//! where it is switched on, land and stop from there.
//!
//! Alerts go by the notifications (`notify/mqtt.rs`), which are durable; what this room
//! tells is of now, and is told whole to a broker that comes back. It must never hold up
//! a source, and never takes anything from a broker but an order to come down.

mod home_assistant;
mod order;
mod publisher;
mod values;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use readings::measured::{Measured, Page};

pub(crate) use publisher::{PublisherInputs, start};

/// Counts since start.
#[derive(Debug, Default)]
pub(crate) struct Mqtt {
    is_on: AtomicBool,
    connected: AtomicBool,
    sent: AtomicU64,
    dropped: AtomicU64,
    lost: AtomicU64,
    taken: AtomicU64,
    ignored: AtomicU64,
}

impl Measured for Mqtt {
    fn measure(&self, page: &mut Page<'_>) -> fmt::Result {
        if !self.is_on.load(Relaxed) {
            return Ok(());
        }
        let count = |counter: &AtomicU64| counter.load(Relaxed);
        page.gauge(
            "mqtt_connected",
            "Whether the connection to the MQTT broker stands",
            f64::from(u8::from(self.connected.load(Relaxed))),
        )?;
        page.counter(
            "mqtt_values_sent",
            "Messages with values handed over",
            count(&self.sent),
        )?;
        page.counter(
            "mqtt_values_dropped",
            "Messages with values that a slow broker left no room for",
            count(&self.dropped),
        )?;
        page.counter(
            "mqtt_connections_lost",
            "Times that there was no connection",
            count(&self.lost),
        )?;
        page.counter(
            "mqtt_orders_taken",
            "Orders by MQTT that drones were given",
            count(&self.taken),
        )?;
        page.counter(
            "mqtt_orders_ignored",
            "Orders by MQTT that were late, repeated, retained or none",
            count(&self.ignored),
        )
    }
}

/// Hears who ordered what by MQTT, for the audit: the drone, and what came of it.
pub(crate) type Audit = Arc<dyn Fn(&str) + Send + Sync>;

/// Says whether the clock on the wall is synchronised.
pub(crate) type Clock = Arc<dyn Fn() -> Option<bool> + Send + Sync>;

#[cfg(test)]
mod tests;
