//! What the world itself noted, for invariants to judge by: what was wished, sent and
//! heard, and what the drones truly did. Nothing of it is asked of the gateways but what
//! they tell everybody.

use std::collections::BTreeSet;
use std::sync::PoisonError;
use std::sync::atomic::Ordering::Relaxed;

use alerting::AlertEvent;
use readings::command::CommandState;
use readings::event::Values;
use tello::command::Command;

use super::gateway::{FLYERS, Gateway, drone_id};
use super::place::{Craft, Site, craft_at};
use super::scene::Who;
use crate::sources::vehicles::{Flight, Phase};

/// What an outage lets a drone do ends this many times as slowly as the outage grew.
const FORGIVEN_SLOWLY: u64 = 16;

/// Height from which a drone counts as flying, in m.
const FLIES_FROM_M: f64 = 0.25;

/// Something that left a gateway for a drone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) at_ms: u64,
    pub(super) command: Command,
    /// Whether the gateway took the drone for flying, before.
    pub(super) was_airborne: bool,
    /// For how long the gateway had heard no state of it.
    pub(super) silent_ms: u64,
    /// When it was last sent something that keeps it up.
    pub(super) held_up_ms: u64,
    pub(super) was_mistaken: bool,
}

/// What one gateway and one drone have with each other, in the run of now.
#[derive(Clone, Debug, Default)]
pub(super) struct Pair {
    pub(super) sent: Vec<Sent>,
    /// How many of them were judged.
    pub(super) judged: usize,
    pub(super) heard_ms: Option<u64>,
    held_up_ms: u64,
    pub(super) flight: Flight,
    pub(super) is_mistaken: bool,
    /// Since when the gateway says that it flies, or takes off.
    pub(super) flying_since: Option<u64>,
    /// Who has flown it.
    pub(super) flyers: BTreeSet<usize>,
    pub(super) frame_ms: Option<u64>,
    pub(super) raised: usize,
}

/// One gateway, over its runs.
#[derive(Clone, Debug, Default)]
pub(super) struct OfGateway {
    pub(super) began_ms: u64,
    pub(super) pairs: Vec<Pair>,
    pub(super) wishes_judged: usize,
    /// Until when its adapter is, or was, out.
    pub(super) pulled_ms: u64,
    /// Since when a stop is latched that nobody has reset.
    pub(super) latched_ms: Option<u64>,
    pub(super) is_windy: bool,
    /// Alerts that were told as durable; acknowledgements that were answered with yes.
    pub(super) told: BTreeSet<u64>,
    pub(super) acknowledged: BTreeSet<u64>,
    /// Landings that were told as confirmed since the last look, by their drone.
    pub(super) confirmed: Vec<usize>,
    /// When each flyer left of whom the page does not know it.
    pub(super) left_ms: [Option<u64>; FLYERS],
}

/// All of it.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    pub(super) gateways: Vec<OfGateway>,
    /// Since when each drone, by its place in the configuration, truly flies.
    pub(super) flown_since: Vec<Option<u64>>,
    /// When the air was last as slow as this, and until when what it holds may arrive.
    pub(super) slow_ms: u64,
    slow_until_ms: u64,
    /// For how long each drone, by its place, has lately been out of every gateway's reach,
    /// in sixteenths of a ms: it goes on as it was last told.
    unreached: Vec<u64>,
    kept_ms: u64,
}

impl Ledger {
    pub(super) fn new(gateways: usize, drones: usize) -> Ledger {
        let of_gateway = || OfGateway {
            pairs: vec![Pair::default(); drones],
            ..OfGateway::default()
        };
        Ledger {
            gateways: (0..gateways).map(|_| of_gateway()).collect(),
            flown_since: vec![None; drones],
            slow_ms: 0,
            slow_until_ms: 0,
            unreached: vec![0; drones],
            kept_ms: 0,
        }
    }

    /// Counts the time since the last look against those that nobody could reach, and lets
    /// what was counted before go slowly: a landing for its height is announced before.
    pub(super) fn reach(&mut self, now_ms: u64, is_reached: impl Fn(usize) -> bool) {
        let passed_ms = now_ms - self.kept_ms;
        self.kept_ms = now_ms;
        for (drone, unreached) in self.unreached.iter_mut().enumerate() {
            // (Looks are a millisecond apart or two: a sixteenth of one is counted, too.)
            *unreached = match is_reached(drone) {
                true => unreached.saturating_sub(passed_ms),
                false => *unreached + passed_ms * FORGIVEN_SLOWLY,
            };
        }
    }

    /// For how long drone `drone`, by its place, has lately been out of every gateway's reach.
    pub(super) fn unreached_ms(&self, drone: usize) -> u64 {
        self.unreached[drone].div_ceil(FORGIVEN_SLOWLY)
    }

    fn pair(&mut self, gateway: usize, drone: usize) -> &mut Pair {
        &mut self.gateways[gateway].pairs[drone]
    }

    pub(super) fn heard(&mut self, gateway: usize, drone: usize, now_ms: u64) {
        self.pair(gateway, drone).heard_ms = Some(now_ms);
    }

    pub(super) fn frame(&mut self, who: Who, drone: usize, now_ms: u64) {
        let pair = self.pair(who.gateway, drone);
        pair.frame_ms = Some(now_ms);
        pair.flyers.insert(who.flyer);
    }

    /// Somebody present wishes something of a drone.
    pub(super) fn wished(&mut self, who: Who, drone: usize, command: Command) {
        if command.is_manoeuvre() || command.takes_off() {
            self.flown(who, drone);
        }
    }

    /// Somebody flies a drone, or took control of it.
    pub(super) fn flown(&mut self, who: Who, drone: usize) {
        self.pair(who.gateway, drone).flyers.insert(who.flyer);
    }

    /// A flyer left, and the page goes on speaking.
    pub(super) fn left(&mut self, who: Who, now_ms: u64) {
        self.gateways[who.gateway].left_ms[who.flyer].get_or_insert(now_ms);
    }

    pub(super) fn pulled(&mut self, gateway: usize, until_ms: u64) {
        self.gateways[gateway].pulled_ms = until_ms;
    }

    pub(super) fn pressed(&mut self, gateway: usize, now_ms: u64) {
        self.gateways[gateway].latched_ms.get_or_insert(now_ms);
    }

    pub(super) fn reset(&mut self, gateway: usize) {
        self.gateways[gateway].latched_ms = None;
    }

    pub(super) fn wind(&mut self, gateway: usize, is_bad: bool) {
        self.gateways[gateway].is_windy = is_bad;
    }

    /// The process of a gateway was killed: of a latch that is newer than a write takes
    /// nobody knows whether it is kept.
    pub(super) fn gateway_ended(&mut self, gateway: usize, now_ms: u64) {
        /// The slowest medium of a scene, and the looks before it.
        const WRITTEN_WITHIN_MS: u64 = 1_000;
        let of = &mut self.gateways[gateway];
        of.latched_ms = of
            .latched_ms
            .filter(|latched| now_ms >= latched + WRITTEN_WITHIN_MS);
    }

    /// There is a process again; it knows nothing of wishes before.
    pub(super) fn gateway_began(&mut self, gateway: usize, now_ms: u64) {
        let of = &mut self.gateways[gateway];
        let drones = of.pairs.len();
        *of = OfGateway {
            began_ms: now_ms,
            pairs: vec![Pair::default(); drones],
            latched_ms: of.latched_ms,
            pulled_ms: of.pulled_ms,
            told: std::mem::take(&mut of.told),
            acknowledged: std::mem::take(&mut of.acknowledged),
            ..OfGateway::default()
        };
    }

    pub(super) fn sent(
        &mut self,
        gateway: usize,
        drone: usize,
        now_ms: u64,
        command: Option<Command>,
    ) {
        let began_ms = self.gateways[gateway].began_ms;
        let pair = self.pair(gateway, drone);
        let Some(command) = command else { return };
        pair.sent.push(Sent {
            at_ms: now_ms,
            command,
            was_airborne: matches!(pair.flight.phase, Phase::Flying | Phase::Landing),
            silent_ms: now_ms - pair.heard_ms.unwrap_or(began_ms),
            held_up_ms: pair.held_up_ms.max(began_ms),
            was_mistaken: pair.is_mistaken,
        });
        // (What is sent to make it stream leaves only once its own landing must be over.)
        if !matches!(
            command,
            Command::Land | Command::Emergency | Command::EnterSdk
        ) {
            pair.held_up_ms = now_ms;
        }
    }

    /// Takes in how everything is after a moment; what is worth telling.
    pub(super) fn keep(
        &mut self,
        now_ms: u64,
        longest_ms: u64,
        crafts: &[Craft],
        sites: &mut [Site],
        told: &mut Vec<String>,
    ) {
        for (drone, since) in self.flown_since.iter_mut().enumerate() {
            let truth = craft_at(crafts, drone).firmware.truth();
            let flies = truth.flies && truth.height_m > FLIES_FROM_M;
            *since = flies.then(|| since.unwrap_or(now_ms));
        }
        if longest_ms >= self.slow_ms || now_ms >= self.slow_until_ms {
            self.slow_ms = longest_ms;
            self.slow_until_ms = now_ms + longest_ms;
        }
        for (of, site) in self.gateways.iter_mut().zip(sites) {
            if let Some(gateway) = &mut site.gateway {
                of.keep(gateway, now_ms, told);
            }
        }
    }
}

impl OfGateway {
    fn keep(&mut self, gateway: &mut Gateway, now_ms: u64, told: &mut Vec<String>) {
        for (drone, pair) in self.pairs.iter_mut().enumerate() {
            let flight = gateway.fleet.flight(drone);
            if flight != pair.flight {
                told.push(format!("  d{} shows {flight:?}", drone + 1));
            }
            pair.flight = flight;
            pair.is_mistaken = gateway.fleet.is_mistaken(drone);
            let flies = matches!(pair.flight.phase, Phase::Flying | Phase::TakingOff);
            pair.flying_since = flies.then(|| pair.flying_since.unwrap_or(now_ms));
        }
        self.confirmed.clear();
        while let Ok(event) = gateway.events.try_recv() {
            let Values::Command { command, state, .. } = &event.values else {
                continue;
            };
            let why = event.why.as_deref().unwrap_or_default();
            told.push(format!("  {command}: {} {why}", state.name()));
            if &**command == "land" && *state == CommandState::Confirmed {
                let mut all = 0..self.pairs.len();
                let of = all.find(|drone| event.drone.as_ref() == Some(&drone_id(*drone)));
                self.confirmed.extend(of);
            }
        }
        while let Ok(event) = gateway.raised.try_recv() {
            let (AlertEvent::Raised(alert) | AlertEvent::Changed(alert, _)) = &event;
            if alert.durable {
                self.told.insert(alert.seq);
            }
            if matches!(event, AlertEvent::Raised(_)) {
                told.push(format!("  alert: {} ({})", alert.title, alert.subject));
                for (drone, pair) in self.pairs.iter_mut().enumerate() {
                    pair.raised += usize::from(alert.subject == drone_id(drone));
                }
            }
        }
        let mut acknowledged = gateway
            .acknowledged
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        self.acknowledged.extend(acknowledged.drain(..));
    }
}

/// When the flyer was last there, by the world; none while he is.
pub(super) fn gone_since(of: &OfGateway, gateway: &Gateway, flyer: usize) -> Option<u64> {
    if let Some(left_ms) = of.left_ms[flyer] {
        return Some(left_ms);
    }
    let flyer = &gateway.flyers[flyer];
    (!flyer.speaks.load(Relaxed)).then(|| flyer.said_ms.load(Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_forgiven_slowly_however_often_anybody_looks() {
        for step_ms in [1, 15, 500] {
            let mut ledger = Ledger::new(1, 1);
            ledger.reach(6_000, |_| false);
            assert_eq!(ledger.unreached_ms(0), 6_000);
            let half_ms = 6_000 + 3_000 * FORGIVEN_SLOWLY;
            let mut now_ms = 6_000;
            while now_ms < half_ms {
                now_ms = half_ms.min(now_ms + step_ms);
                ledger.reach(now_ms, |_| true);
            }
            assert_eq!(ledger.unreached_ms(0), 3_000, "looks {step_ms} ms apart");
        }
    }
}
