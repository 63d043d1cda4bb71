//! The air between gateways and drones: loses, doubles, delays and reorders datagrams.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use tello_simulator::Rng;

/// What the air does to datagrams of both ways.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Weather {
    /// Percent lost.
    pub(super) loss_pct: u8,
    /// Percent that arrive twice.
    pub(super) double_pct: u8,
    pub(super) delay_ms: u64,
    /// Random delay on top of it; what follows may overtake.
    pub(super) jitter_ms: u64,
}

impl Weather {
    /// The longest that a datagram is on its way.
    pub(super) fn longest_ms(&self) -> u64 {
        self.delay_ms + self.jitter_ms
    }
}

/// Which way a datagram goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    ToDrone,
    ToGateway,
}

/// A datagram on its way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Parcel {
    /// A command, from the command port of a gateway.
    Command {
        drone: usize,
        gateway: usize,
        text: String,
    },
    /// Of a drone, to the state port of a gateway.
    State {
        drone: usize,
        gateway: usize,
        bytes: Vec<u8>,
    },
    /// Of a drone, to the command port of a gateway.
    Reply {
        drone: usize,
        gateway: usize,
        bytes: Vec<u8>,
    },
}

impl Parcel {
    fn ends(&self) -> (usize, usize, Way) {
        match *self {
            Parcel::Command { drone, gateway, .. } => (drone, gateway, Way::ToDrone),
            Parcel::State { drone, gateway, .. } | Parcel::Reply { drone, gateway, .. } => {
                (drone, gateway, Way::ToGateway)
            }
        }
    }
}

/// A time in which nothing passes between a drone and a gateway, one way.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Outage {
    drone: usize,
    gateway: usize,
    way: Way,
    until_ms: u64,
}

/// The air.
#[derive(Debug)]
pub(super) struct Network {
    pub(super) weather: Weather,
    rng: Rng,
    outages: Vec<Outage>,
    on_the_way: BinaryHeap<Reverse<(u64, u64, Parcel)>>,
    count: u64,
}

impl Network {
    pub(super) fn new(weather: Weather, seed: u64) -> Network {
        Network {
            weather,
            rng: Rng::new(seed),
            outages: Vec::new(),
            on_the_way: BinaryHeap::new(),
            count: 0,
        }
    }

    /// Lets nothing pass that way until then.
    pub(super) fn fail(&mut self, drone: usize, gateway: usize, way: Way, until_ms: u64) {
        self.outages.push(Outage {
            drone,
            gateway,
            way,
            until_ms,
        });
    }

    /// Whether a way between these two is out.
    pub(super) fn is_out(&self, drone: usize, gateway: usize, now_ms: u64) -> bool {
        let of = |outage: &Outage| (outage.drone, outage.gateway) == (drone, gateway);
        let mut outages = self.outages.iter();
        outages.any(|outage| of(outage) && now_ms < outage.until_ms)
    }

    /// Every way is free again, and the air is clear.
    pub(super) fn heal(&mut self) {
        self.outages.clear();
        self.weather = Weather::default();
    }

    /// Puts a datagram on its way; whether at least one of it will arrive.
    pub(super) fn put(&mut self, parcel: Parcel, now_ms: u64) -> bool {
        self.outages.retain(|outage| now_ms < outage.until_ms);
        let (drone, gateway, way) = parcel.ends();
        let is_out =
            |outage: &Outage| (outage.drone, outage.gateway, outage.way) == (drone, gateway, way);
        let weather = self.weather;
        if self.outages.iter().any(is_out) || self.chance(weather.loss_pct) {
            return false;
        }
        if self.chance(weather.double_pct) {
            self.send(parcel.clone(), now_ms);
        }
        self.send(parcel, now_ms);
        true
    }

    fn send(&mut self, parcel: Parcel, now_ms: u64) {
        let jitter_ms = self.rng.below(self.weather.jitter_ms + 1);
        self.count += 1;
        let due_ms = now_ms + self.weather.delay_ms + jitter_ms;
        self.on_the_way.push(Reverse((due_ms, self.count, parcel)));
    }

    fn chance(&mut self, percent: u8) -> bool {
        percent > 0 && self.rng.chance(percent)
    }

    /// When the next one arrives.
    pub(super) fn next_ms(&self) -> Option<u64> {
        self.on_the_way.peek().map(|Reverse((due_ms, ..))| *due_ms)
    }

    /// The next one that has arrived.
    pub(super) fn arrived(&mut self, now_ms: u64) -> Option<Parcel> {
        if self.next_ms()? > now_ms {
            return None;
        }
        self.on_the_way.pop().map(|Reverse((.., parcel))| parcel)
    }
}
