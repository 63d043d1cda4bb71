//! Simulated drones that speak the real UDP protocol on addresses of their own.
//!
//! Each owns a socket, answers commands when the manoeuvre is over and streams
//! its state at 10 Hz to whoever sent `command`, and after `streamon` its camera at
//! 30 frames a second, as firmware does; the gateway
//! meets it through the same sockets and code as a real drone. Usable inside
//! `demo`, alone (`simulate --drones N`), and in tests, with faults on demand.
//!
//! `body` is the physics, `firmware` the protocol, `impairment` the bad
//! network between: all pure and given `now`. `task` moves the bytes; a world in virtual
//! time takes [`Firmware`] without it, for a network of its own.
//! Must never know the gateway, nor be reachable from a drone in mode `real`.

mod body;
mod camera;
pub mod clip;
mod firmware;
mod floor;
mod impairment;
mod rng;
mod task;

pub use firmware::{Firmware, Outbox, Truth};
pub use impairment::{Impairment, Outgoing};
pub use rng::Rng;
pub use task::SimulatedDrone;

use std::net::IpAddr;

use tello::render::Sdk;

/// What a simulated drone is like at the start.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Which firmware it has.
    pub sdk: Sdk,
    /// Battery in percent.
    pub battery_pct: f64,
    /// Highest main-board temperature in °C.
    pub temperature_c: f64,
    /// Temperature it tends to while it idles on the ground, in °C.
    pub idle_temperature_c: f64,
    /// Whether it was activated with the vendor's app; if not, a drone with SDK 3.0
    /// answers `unactive`.
    pub activated: bool,
    /// Port of its clients to which it sends its state.
    pub state_port: u16,
    /// Port of its clients to which it sends its camera's frames.
    pub video_port: u16,
    /// Address that it has in a network which it is told to join; none: it is not seen
    /// again before it is reset, as after a wrong password.
    pub station: Option<IpAddr>,
    /// Seed of its noise and of its impairment: equal seeds, equal drones.
    pub seed: u64,
    /// Faults of its network.
    pub impairment: Impairment,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            sdk: Sdk::V1_3,
            battery_pct: 100.0,
            temperature_c: 70.0,
            // Under the default warning; a real one often idles hotter.
            idle_temperature_c: 83.0,
            activated: true,
            state_port: tello::STATE_PORT,
            video_port: tello::VIDEO_PORT,
            station: None,
            seed: 1,
            impairment: Impairment::default(),
        }
    }
}

impl Options {
    /// The `index`-th drone of a fleet worth looking at: every third low on
    /// battery (15 %), every third hot (93 °C), all three firmwares.
    #[must_use]
    pub fn varied(index: usize) -> Options {
        let seed = index as u64 + 1;
        let base = Options {
            seed,
            ..Options::default()
        };
        match index % 3 {
            0 => Options {
                battery_pct: 87.0,
                ..base
            },
            1 => Options {
                battery_pct: 15.0,
                sdk: Sdk::V2_0,
                ..base
            },
            _ => Options {
                battery_pct: 64.0,
                temperature_c: 93.0,
                idle_temperature_c: 94.0,
                sdk: Sdk::V3_0,
                ..base
            },
        }
    }
}
