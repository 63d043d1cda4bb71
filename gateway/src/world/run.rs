//! The run of a scene: what is next happens, gateways think, and every invariant looks.

use std::net::SocketAddr;
use std::sync::atomic::Ordering::Relaxed;

use tello::command::Command;
use tello_simulator::Outbox;

use super::board::Board;
use super::gateway::{BRIDGE, Gateway, gateway_address};
use super::invariants::{Broken, judge, judge_end};
use super::network::{Parcel, Way};
use super::place::{Craft, Thumb, number_at, place_of};
use super::sabotage::Sabotage;
use super::scene::{Act, Who};
use super::stage::{Figures, World};
use crate::sources::bridge::StopInputs as _;

/// Least often that invariants look.
const LOOK_MS: u64 = 500;

/// Moments of one millisecond after which somebody answers an answer for ever.
const MOST_MOMENTS: u32 = 10_000;

/// Between two frames of a thumb: 30 Hz.
const FRAME_MS: u64 = 33;

/// How long after everybody has gone, or after a manoeuvre that was under way then, a drone
/// may be in the air: the grace, its own 15 s, a landing that goes unheard, and the way down
/// from the ceiling.
const DOWN_WITHIN_MS: u64 = 75_000;

/// How long two gateways may keep it up between them: each asks for its states once its own
/// 15 s must be over, which begins them anew, and leaves it to the other after the second
/// time.
const TAKEN_BACK_FOR_MS: u64 = 35_000;

/// How long after everybody has gone what they asked for may still begin: a take-off that
/// is under way, and what waits for its turn behind it.
const BEGINS_WITHIN_MS: u64 = 12_000;

/// How long the ground must show before a scene is over.
const ON_GROUND_MS: u64 = 4_000;

impl World {
    /// Runs it to its end, or until an invariant breaks.
    pub(super) fn run(&mut self) -> Result<Figures, Broken> {
        loop {
            let next_ms = self.next_ms().max(self.now_ms);
            self.moments = if next_ms > self.now_ms {
                0
            } else {
                self.moments + 1
            };
            assert!(self.moments < MOST_MOMENTS, "time stands still");
            self.now_ms = next_ms;
            self.begin_again();
            self.happen();
            self.fly();
            self.deliver();
            self.hold_sticks();
            self.think();
            self.ledger_keeps();
            judge(self)?;
            if self.is_over() {
                judge_end(self)?;
                self.figures.seconds = self.now_ms / 1_000;
                return Ok(self.figures);
            }
        }
    }

    fn next_ms(&self) -> u64 {
        let act = self.scene.acts.get(self.next_act).map(|(at, _)| *at);
        let end = (!self.has_ended).then_some(self.scene.ends_ms);
        let alive = self.crafts.iter().filter(|craft| !craft.is_dead);
        let drones = alive.map(|craft| {
            let due = craft
                .firmware
                .wake_at()
                .saturating_duration_since(self.began);
            // Not before it: a part of a millisecond more.
            due.as_millis() as u64 + u64::from(due.subsec_nanos() % 1_000_000 > 0)
        });
        let sites = self.sites.iter().flat_map(|site| {
            let thumbs = site.thumbs.iter().map(|thumb| thumb.next_ms).min();
            let process = site.gateway.as_ref().and_then(Gateway::wake_ms);
            [process, site.back_ms, thumbs, site.plugged_ms]
        });
        let look = self.now_ms + LOOK_MS;
        let others = [act, end, self.network.next_ms()].into_iter().chain(sites);
        others.flatten().chain(drones).fold(look, u64::min)
    }

    fn is_over(&mut self) -> bool {
        let (now_ms, ends_ms) = (self.now_ms, self.scene.ends_ms);
        for craft in &mut self.crafts {
            let truth = craft.firmware.truth();
            if truth.flies {
                craft.on_ground_ms = now_ms;
            }
            // An arc of metres at 10 cm/s takes minutes, and the first firmware flies it to
            // its end whatever it is told.
            let asked = truth.manoeuvres_for.filter(|_| !truth.lands);
            if let Some(left) = asked.filter(|_| now_ms < ends_ms + BEGINS_WITHIN_MS) {
                craft.busy_until_ms = now_ms + left.as_millis() as u64;
            }
        }
        let rests = |craft: &Craft| now_ms >= craft.on_ground_ms + ON_GROUND_MS;
        let has_rested = now_ms >= ends_ms + ON_GROUND_MS;
        let busy = self.crafts.iter().map(|craft| craft.busy_until_ms);
        let all_done_ms = busy.fold(ends_ms, u64::max);
        let down_within_ms = match self.sites.len() {
            0 | 1 => DOWN_WITHIN_MS,
            _ => DOWN_WITHIN_MS + TAKEN_BACK_FOR_MS,
        };
        self.has_ended
            && (now_ms >= all_done_ms + down_within_ms
                || (has_rested && self.crafts.iter().all(rests)))
    }

    /// A process that was killed is there again; an adapter is back.
    fn begin_again(&mut self) {
        for index in 0..self.sites.len() {
            let now_ms = self.now_ms;
            let site = &mut self.sites[index];
            if site.plugged_ms.is_some_and(|at| at <= now_ms) {
                site.plugged_ms = None;
                site.plug(true);
            }
            if site.back_ms.is_none_or(|at| at > now_ms) {
                continue;
            }
            site.back_ms = None;
            let mut board = site.board.clone();
            if self.sabotage == Some(Sabotage::LostLatches) {
                board.latches = Board::default().latches;
            }
            let gateway = Gateway::start(&self.scene, &board, site.is_pressed, now_ms);
            site.gateway = Some(gateway);
            site.plug(site.plugged_ms.is_none());
            self.ledger.gateway_began(index, now_ms);
            self.tell(|| format!("gateway {index} is there again"));
        }
    }

    fn happen(&mut self) {
        while let Some((at_ms, act)) = self.scene.acts.get(self.next_act)
            && *at_ms <= self.now_ms
            && !self.has_ended
        {
            self.next_act += 1;
            let act = act.clone();
            self.tell(|| format!("{act:?}"));
            self.act(act);
        }
        if !self.has_ended && self.now_ms >= self.scene.ends_ms {
            self.end();
        }
    }

    /// Everybody goes, and the air clears.
    fn end(&mut self) {
        self.has_ended = true;
        self.next_act = self.scene.acts.len();
        self.network.heal();
        for site in &mut self.sites {
            site.thumbs.clear();
            site.plugged_ms = Some(self.now_ms);
            site.board.alerts.refuse(false);
            let flyers = site.gateway.iter().flat_map(|gateway| &gateway.flyers);
            if self.sabotage != Some(Sabotage::GhostAtThePage) {
                flyers.for_each(|flyer| flyer.speaks.store(false, Relaxed));
            }
        }
        self.tell(|| "everybody goes; the air clears".to_owned());
    }

    fn act(&mut self, act: Act) {
        let now_ms = self.now_ms;
        match act {
            Act::Weather(weather) => self.network.weather = weather,
            Act::Outage {
                gateway,
                drone,
                to,
                from,
                for_ms,
            } => {
                let until_ms = now_ms + for_ms;
                for (way, fails) in [(Way::ToDrone, to), (Way::ToGateway, from)] {
                    if fails {
                        self.network.fail(drone, gateway, way, until_ms);
                    }
                }
            }
            Act::Crash(drone) => {
                self.crafts[drone].firmware.tip_over(true);
                self.crafts[drone].is_dead = true;
            }
            Act::Reboot(drone) => {
                let now = self.at(now_ms);
                self.crafts[drone].firmware.reboot(now);
            }
            Act::Tip(drone) => self.crafts[drone].firmware.tip_over(true),
            Act::Drain(drone, pct) => self.crafts[drone].firmware.drain(pct.into()),
            Act::Swap => self.swap(),
            Act::Restart(index, for_ms) => {
                self.sites[index].gateway = None;
                self.sites[index].back_ms = Some(now_ms + for_ms);
                self.sites[index].thumbs.clear();
                self.ledger.gateway_ended(index, now_ms);
            }
            Act::Pull(index, for_ms) => {
                self.sites[index].plugged_ms = Some(now_ms + for_ms);
                self.sites[index].plug(false);
                self.ledger.pulled(index, now_ms + for_ms);
            }
            Act::Medium(index, refuses) => self.sites[index].board.alerts.refuse(refuses),
            other => self.act_at_gateway(other),
        }
    }

    /// Two drones that are both on the ground come back at each other's address.
    fn swap(&mut self) {
        let flies = |craft: &Craft| craft.firmware.truth().flies;
        if self.crafts.len() < 2 || self.crafts.iter().any(flies) {
            return;
        }
        let now = self.at(self.now_ms);
        for craft in &mut self.crafts {
            craft.firmware.reboot(now);
        }
        let (first, rest) = self.crafts.split_at_mut(1);
        std::mem::swap(&mut first[0].address, &mut rest[0].address);
    }

    fn act_at_gateway(&mut self, act: Act) {
        let (index, now_ms) = (act.gateway(), self.now_ms);
        let site = &mut self.sites[index];
        let Some(gateway) = &mut site.gateway else {
            return;
        };
        gateway.enter(now_ms);
        // Whose page is silent does nothing either.
        let is_there = |who: Who| gateway.flyers[who.flyer].speaks.load(Relaxed);
        match act {
            Act::Go(who) if self.sabotage != Some(Sabotage::GhostAtThePage) => {
                gateway.flyers[who.flyer].speaks.store(false, Relaxed);
                site.thumbs.retain(|thumb| thumb.who != who);
            }
            Act::Go(who) => self.ledger.left(who, now_ms),
            Act::Come(who) => gateway.flyers[who.flyer].speaks.store(true, Relaxed),
            Act::Take(who, drone) if is_there(who) => {
                gateway.take_control(who.flyer, drone);
                self.ledger.flown(who, drone);
            }
            Act::Give(who, drone) if is_there(who) => gateway.give_control(who.flyer, drone),
            Act::Command(who, drone, command) if is_there(who) => {
                gateway.wish(who.flyer, drone, command, now_ms);
                self.ledger.wished(who, drone, command);
            }
            Act::Sticks(who, drone, axes, for_ms) if is_there(who) => site.thumbs.push(Thumb {
                who,
                drone,
                axes,
                until_ms: now_ms + for_ms,
                next_ms: now_ms,
            }),
            Act::Press(_) => {
                site.is_pressed = true;
                gateway.safety.stop_input(BRIDGE, Some(true));
                self.ledger.pressed(index, now_ms);
            }
            Act::Release(_) => {
                site.is_pressed = false;
                gateway.safety.stop_input(BRIDGE, Some(false));
            }
            Act::Reset(_) if gateway.safety.reset().is_ok() => self.ledger.reset(index),
            Act::Wind(_, is_bad) => {
                gateway.wind(is_bad);
                self.ledger.wind(index, is_bad);
            }
            Act::AcknowledgeAll(_) => gateway.acknowledge_all(),
            Act::Veto(_, drone) => gateway.veto(drone),
            _ => {}
        }
    }

    /// Lets time pass for the drones.
    fn fly(&mut self) {
        let now = self.at(self.now_ms);
        for index in 0..self.crafts.len() {
            if self.crafts[index].is_dead {
                continue;
            }
            let mut out = Outbox::new();
            self.crafts[index].firmware.advance(now, &mut out);
            self.send_out(index, out);
        }
    }

    /// Puts what a drone sends on its way.
    fn send_out(&mut self, drone: usize, out: Outbox) {
        for outgoing in out {
            let mut gateways = 0..self.sites.len();
            let to = gateways.find(|index| gateway_address(*index) == outgoing.to.ip());
            let Some(gateway) = to else { continue };
            let is_state = outgoing.to.port() == tello::STATE_PORT;
            let mut bytes = outgoing.bytes;
            if let Some(sabotage) = self.sabotage {
                sabotage.twist(&mut bytes, is_state, self.now_ms);
            }
            let parcel = match is_state {
                true => Parcel::State {
                    drone,
                    gateway,
                    bytes,
                },
                false => Parcel::Reply {
                    drone,
                    gateway,
                    bytes,
                },
            };
            self.figures.states += u64::from(is_state);
            self.network.put(parcel, self.now_ms);
        }
    }

    fn deliver(&mut self) {
        while let Some(parcel) = self.network.arrived(self.now_ms) {
            match parcel {
                Parcel::Command {
                    drone,
                    gateway,
                    text,
                } => self.obey(drone, gateway, &text),
                Parcel::State {
                    drone,
                    gateway,
                    bytes,
                } => {
                    let address = self.crafts[drone].address;
                    if let Some(process) = &self.sites[gateway].gateway {
                        process.enter(self.now_ms);
                        process.hear(address, &bytes);
                        let of = place_of(address, self.crafts.len());
                        self.ledger.heard(gateway, of, self.now_ms);
                    }
                }
                Parcel::Reply {
                    drone,
                    gateway,
                    bytes,
                } => {
                    let words = String::from_utf8_lossy(&bytes).trim().to_owned();
                    self.tell(|| format!("gateway {gateway} hears drone {drone}: {words}"));
                    let of = place_of(self.crafts[drone].address, self.crafts.len());
                    if let Some(process) = &self.sites[gateway].gateway {
                        process.fleet.wires[of].put(bytes);
                    }
                }
            }
        }
    }

    fn obey(&mut self, drone: usize, gateway: usize, text: &str) {
        if self.crafts[drone].is_dead {
            return;
        }
        self.tell(|| format!("drone {drone} hears gateway {gateway}: {text}"));
        let from = SocketAddr::new(gateway_address(gateway), 5_000);
        let (now, mut out) = (self.at(self.now_ms), Outbox::new());
        let firmware = &mut self.crafts[drone].firmware;
        firmware.receive(from, text.as_bytes(), now, &mut out);
        self.send_out(drone, out);
    }

    fn hold_sticks(&mut self) {
        let now_ms = self.now_ms;
        for index in 0..self.sites.len() {
            let site = &mut self.sites[index];
            let Some(gateway) = &site.gateway else {
                continue;
            };
            gateway.enter(now_ms);
            for thumb in &mut site.thumbs {
                if thumb.next_ms <= now_ms {
                    thumb.next_ms = now_ms + FRAME_MS;
                    gateway.sticks(thumb.who.flyer, thumb.drone, thumb.axes);
                    // (What a stuck one says nobody means.)
                    if now_ms < thumb.until_ms {
                        self.ledger.frame(thumb.who, thumb.drone, now_ms);
                    }
                }
            }
            let is_stuck = self.sabotage == Some(Sabotage::StuckThumb);
            site.thumbs
                .retain(|thumb| now_ms < thumb.until_ms || is_stuck);
        }
    }

    /// Gateways run, and what they send goes on its way.
    fn think(&mut self) {
        for index in 0..self.sites.len() {
            let now_ms = self.now_ms;
            let Some(gateway) = &mut self.sites[index].gateway else {
                continue;
            };
            match self.sabotage {
                Some(Sabotage::AlertStorm) => {
                    gateway.enter(now_ms);
                    gateway.storm(now_ms / 400);
                }
                Some(Sabotage::EndedTask) => gateway.end_a_task(),
                _ => {}
            }
            gateway.run(now_ms);
            for drone in 0..self.crafts.len() {
                let mut sent = Vec::new();
                while let Some(gateway) = &self.sites[index].gateway
                    && let Some(one) = gateway.fleet.wires[drone].take_sent()
                {
                    sent.push(one);
                }
                if let Some(sabotage) = self.sabotage {
                    let pair = &self.ledger.gateways[index].pairs[drone];
                    sabotage.meddle(&mut sent, drone, pair, now_ms);
                }
                for (to, text) in sent {
                    self.leave(index, drone, to, text);
                }
            }
        }
    }

    fn leave(&mut self, gateway: usize, drone: usize, to: SocketAddr, text: String) {
        self.figures.commands += 1;
        let command = Command::parse(&text).ok();
        self.figures.flights += u64::from(command.is_some_and(Command::takes_off));
        self.ledger.sent(gateway, drone, self.now_ms, command);
        let mut crafts = self.crafts.iter();
        let Some(craft) = crafts.position(|craft| craft.address == to.ip()) else {
            return;
        };
        let parcel = Parcel::Command {
            drone: craft,
            gateway,
            text: text.clone(),
        };
        let arrives = self.network.put(parcel, self.now_ms);
        self.tell(|| {
            let fate = if arrives { "" } else { " (lost)" };
            format!("gateway {gateway} sends drone {drone}: {text}{fate}")
        });
    }

    fn ledger_keeps(&mut self) {
        let longest_ms = self.network.weather.longest_ms();
        let mut told = Vec::new();
        let (network, now_ms) = (&self.network, self.now_ms);
        let reached: Vec<bool> = (0..self.crafts.len())
            .map(|place| {
                let drone = number_at(&self.crafts, place);
                let mut sites = self.sites.iter().enumerate();
                sites.any(|(gateway, site)| {
                    let is_there = site.gateway.is_some() && site.plugged_ms.is_none();
                    // One that has not heard it yet, since its states go to another, is none.
                    let is_met = self.ledger.gateways[gateway].pairs[place]
                        .heard_ms
                        .is_some();
                    is_there && is_met && !network.is_out(drone, gateway, now_ms)
                })
            })
            .collect();
        self.ledger.reach(now_ms, |drone| reached[drone]);
        let (crafts, sites) = (&self.crafts, &mut self.sites);
        self.ledger
            .keep(self.now_ms, longest_ms, crafts, sites, &mut told);
        for words in told {
            self.tell(|| words);
        }
    }
}
