//! A scene: which drones and gateways there are, and what happens to them when. All from
//! one seed.

use std::fmt;

use tello::catalog::{COMMANDS, Kind};
use tello::command::{Command, Direction, Query};
use tello::render::Sdk;
use tello_simulator::Rng;

use super::network::Weather;
use crate::config::{Down, OnOperatorLoss};

/// What there is, and what happens.
#[derive(Clone, Debug)]
pub(super) struct Scene {
    pub(super) seed: u64,
    pub(super) drones: Vec<Craft>,
    pub(super) gateways: usize,
    pub(super) on_operator_loss: OnOperatorLoss,
    pub(super) grace_s: u64,
    pub(super) limit_cm: Option<u16>,
    pub(super) down: Down,
    /// How long a write to the medium takes.
    pub(super) medium_ms: u64,
    pub(super) weather: Weather,
    /// When what happens, in order.
    pub(super) acts: Vec<(u64, Act)>,
    /// When everybody goes and the air clears.
    pub(super) ends_ms: u64,
}

/// A drone at the beginning.
#[derive(Clone, Copy, Debug)]
pub(super) struct Craft {
    pub(super) sdk: Sdk,
    pub(super) battery_pct: f64,
}

/// Who flies: of a gateway, the first or the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Who {
    pub(super) gateway: usize,
    pub(super) flyer: usize,
}

/// Something that happens.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Act {
    /// A flyer's page falls silent.
    Go(Who),
    /// It speaks again.
    Come(Who),
    Take(Who, usize),
    Give(Who, usize),
    Command(Who, usize, Command),
    /// Thumbs on the sticks for so long, then nothing.
    Sticks(Who, usize, [i8; 4], u64),
    Weather(Weather),
    /// Nothing passes, to the drone, from it, for so long.
    Outage {
        gateway: usize,
        drone: usize,
        to: bool,
        from: bool,
        for_ms: u64,
    },
    /// The adapter of a gateway is pulled out for so long.
    Pull(usize, u64),
    /// The drone dies in the air and is silent for ever.
    Crash(usize),
    Reboot(usize),
    Tip(usize),
    Drain(usize, u8),
    /// Two drones change their addresses.
    Swap,
    /// The process is killed, and there again after so long.
    Restart(usize, u64),
    Press(usize),
    Release(usize),
    Reset(usize),
    /// What the rule with an action looks at becomes bad, or good.
    Wind(usize, bool),
    /// The medium refuses writes, or takes them.
    Medium(usize, bool),
    AcknowledgeAll(usize),
    Veto(usize, usize),
}

impl Act {
    /// The gateway at which it happens.
    pub(super) fn gateway(&self) -> usize {
        match *self {
            Act::Go(who)
            | Act::Come(who)
            | Act::Take(who, _)
            | Act::Give(who, _)
            | Act::Command(who, ..)
            | Act::Sticks(who, ..) => who.gateway,
            Act::Outage { gateway, .. }
            | Act::Pull(gateway, _)
            | Act::Restart(gateway, _)
            | Act::Press(gateway)
            | Act::Release(gateway)
            | Act::Reset(gateway)
            | Act::Wind(gateway, _)
            | Act::Medium(gateway, _)
            | Act::AcknowledgeAll(gateway)
            | Act::Veto(gateway, _) => gateway,
            Act::Weather(_)
            | Act::Crash(_)
            | Act::Reboot(_)
            | Act::Tip(_)
            | Act::Drain(..)
            | Act::Swap => 0,
        }
    }
}

impl fmt::Display for Scene {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let crafts = self
            .drones
            .iter()
            .map(|craft| format!("{:?} at {:.0} %", craft.sdk, craft.battery_pct));
        write!(
            f,
            "scene {}: {} gateway(s), drones [{}], on_operator_loss {:?} after {} s, limit {:?} cm, down {:?}, {:?}, ends at {} s",
            self.seed,
            self.gateways,
            crafts.collect::<Vec<_>>().join(", "),
            self.on_operator_loss,
            self.grace_s,
            self.limit_cm,
            self.down,
            self.weather,
            self.ends_ms / 1_000
        )
    }
}

impl Scene {
    /// The scene of a seed.
    pub(super) fn of(seed: u64) -> Scene {
        Author {
            rng: Rng::new(seed),
            now_ms: 0,
        }
        .write(seed)
    }
}

struct Author {
    rng: Rng,
    now_ms: u64,
}

impl Author {
    fn write(mut self, seed: u64) -> Scene {
        let mut scene = Scene {
            seed,
            drones: Vec::new(),
            gateways: if self.rng.chance(15) { 2 } else { 1 },
            on_operator_loss: *self.one(&[
                OnOperatorLoss::Land,
                OnOperatorLoss::Land,
                OnOperatorLoss::Land,
                OnOperatorLoss::Hover,
                OnOperatorLoss::Nothing,
            ]),
            grace_s: *self.one(&[3, 3, 5, 8]),
            limit_cm: *self.one(&[None, None, Some(200), Some(300)]),
            down: *self.one(&[Down::Land, Down::Land, Down::Land, Down::Hover]),
            medium_ms: *self.one(&[0, 5, 40, 400]),
            weather: self.weather(),
            acts: Vec::new(),
            ends_ms: 15_000 + self.rng.below(30_000),
        };
        let drones = if self.rng.chance(25) { 2 } else { 1 };
        for _ in 0..drones {
            let sdk = *self.one(&[Sdk::V1_3, Sdk::V2_0, Sdk::V3_0]);
            let battery_pct = match self.rng.below(10) {
                0 => 4.0 + self.rng.below(8) as f64,
                _ => 20.0 + self.rng.below(81) as f64,
            };
            scene.drones.push(Craft { sdk, battery_pct });
        }
        // Until it has been met and asked who it is.
        self.now_ms = 3_000 + self.rng.below(1_500);
        if drones == 2 && self.rng.chance(30) {
            self.swap(&mut scene);
        }
        for drone in 0..scene.drones.len() {
            if self.rng.chance(93) {
                let who = self.who(&scene, true);
                let takes_off = Act::Command(who, drone, Command::Takeoff);
                scene.acts.push((self.now_ms, takes_off));
                self.now_ms += self.rng.below(3_000);
            }
        }
        self.now_ms += self.rng.below(6_000);
        while self.now_ms < scene.ends_ms {
            let act = self.act(&scene);
            scene.acts.push((self.now_ms, act));
            let pause_ms = *self.one(&[0, 50, 300, 1_000, 2_500, 5_000]);
            self.now_ms += self.rng.below(pause_ms + 1);
        }
        if self.rng.chance(4) {
            self.latch(&mut scene);
        }
        scene
    }

    /// A stop is pressed and let go, nobody resets it, and the process is killed: it holds.
    fn latch(&mut self, scene: &mut Scene) {
        let who = self.who(scene, true);
        let takes_off = Act::Command(who, 0, Command::Takeoff);
        let acts = [
            (0, Act::Press(who.gateway)),
            (1_500, Act::Release(who.gateway)),
            // Until it has landed, and has shown the ground again.
            (20_000, Act::Restart(who.gateway, 500)),
            (6_000, takes_off),
        ];
        for (after_ms, act) in acts {
            scene.ends_ms += after_ms;
            scene.acts.push((scene.ends_ms, act));
        }
        scene.ends_ms += 3_000;
    }

    /// Both were asked who they are, and come back at each other's address.
    fn swap(&mut self, scene: &mut Scene) {
        /// Until they have started, and were asked again.
        const BACK_AFTER_MS: u64 = 16_000;
        for craft in &mut scene.drones {
            // (The first firmware does not know who it is.)
            craft.sdk = match craft.sdk {
                Sdk::V1_3 => Sdk::V2_0,
                sdk => sdk,
            };
        }
        self.now_ms += 1_500;
        scene.acts.push((self.now_ms, Act::Swap));
        self.now_ms += BACK_AFTER_MS;
        scene.ends_ms += BACK_AFTER_MS;
    }

    fn one<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.rng.below(all.len() as u64) as usize]
    }

    fn weather(&mut self) -> Weather {
        match self.rng.below(3) {
            0 => Weather {
                delay_ms: 5,
                ..Weather::default()
            },
            1 => Weather {
                loss_pct: self.rng.below(15) as u8,
                double_pct: self.rng.below(10) as u8,
                delay_ms: self.rng.below(60),
                jitter_ms: self.rng.below(120),
            },
            _ => Weather {
                loss_pct: self.rng.below(50) as u8,
                double_pct: self.rng.below(40) as u8,
                delay_ms: self.rng.below(200),
                jitter_ms: self.rng.below(400),
            },
        }
    }

    fn who(&mut self, scene: &Scene, usual: bool) -> Who {
        Who {
            gateway: self.rng.below(scene.gateways as u64) as usize,
            flyer: usize::from(!usual && self.rng.chance(30)),
        }
    }

    fn act(&mut self, scene: &Scene) -> Act {
        let who = self.who(scene, false);
        let gateway = who.gateway;
        let drone = self.rng.below(scene.drones.len() as u64) as usize;
        let seconds = |rng: &mut Rng, most: u64| 200 + rng.below(most * 1_000);
        match self.rng.below(100) {
            0..=39 => Act::Command(who, drone, self.command()),
            40..=51 => {
                let axes = std::array::from_fn(|_| (self.rng.noise() * 100.0) as i8);
                Act::Sticks(who, drone, axes, seconds(&mut self.rng, 4))
            }
            52..=56 => Act::Take(who, drone),
            57 => Act::Give(who, drone),
            58..=62 => Act::Go(who),
            63..=65 => Act::Come(who),
            66..=68 => Act::Weather(self.weather()),
            69..=74 => {
                let (to, from) = *self.one(&[(true, true), (true, false), (false, true)]);
                let for_ms = seconds(&mut self.rng, 12);
                Act::Outage {
                    gateway,
                    drone,
                    to,
                    from,
                    for_ms,
                }
            }
            75..=76 => Act::Pull(gateway, seconds(&mut self.rng, 5)),
            77 => Act::Crash(drone),
            78 => Act::Reboot(drone),
            79 => Act::Tip(drone),
            80..=81 => Act::Drain(drone, 2 + self.rng.below(14) as u8),
            82 => Act::Swap,
            83..=86 => Act::Restart(gateway, seconds(&mut self.rng, 6)),
            87..=88 => Act::Press(gateway),
            89..=90 => Act::Release(gateway),
            91..=92 => Act::Reset(gateway),
            93..=94 => Act::Wind(gateway, self.rng.chance(60)),
            95 => Act::Medium(gateway, self.rng.chance(50)),
            96..=97 => Act::AcknowledgeAll(gateway),
            _ => Act::Veto(gateway, drone),
        }
    }

    /// A command: of those with a way of their own, or any of the table.
    fn command(&mut self) -> Command {
        let directions = [
            Direction::Up,
            Direction::Down,
            Direction::Left,
            Direction::Right,
            Direction::Forward,
            Direction::Back,
            Direction::Up,
        ];
        match self.rng.below(20) {
            0..=3 => Command::Takeoff,
            4..=6 => Command::Land,
            7 => Command::Stop,
            8 if self.rng.chance(30) => Command::Emergency,
            9 => Command::Read(Query::Battery),
            10..=13 => Command::Move {
                direction: *self.one(&directions),
                distance_cm: 20 + self.rng.below(481) as u16,
            },
            14 => Command::Rotate {
                clockwise: self.rng.chance(50),
                angle_deg: 1 + self.rng.below(360) as u16,
            },
            _ => self.listed(),
        }
    }

    /// A command of the table, with values of their ranges: what is added to it is flown.
    fn listed(&mut self) -> Command {
        let entry = &COMMANDS[self.rng.below(COMMANDS.len() as u64) as usize];
        let mut values = Vec::new();
        for parameter in entry.parameters {
            let value = match parameter.kind {
                // (Half of them small: a table of `go` alone would leave the room.)
                Kind::Number { low, high, .. } => {
                    let range = u64::from(low.abs_diff(high)) + 1;
                    low + self.rng.below(range) as i32
                }
                Kind::Choice(choices) => self.rng.below(choices.len() as u64) as i32,
                Kind::Pad { .. } => 1 + self.rng.below(8) as i32,
            };
            values.push((parameter.name, value));
        }
        let leaves_out = self.rng.chance(70);
        let listed = entry.with(|parameter| {
            let known = values.iter().find(|(name, _)| *name == parameter.name);
            known
                .filter(|_| !(parameter.optional && leaves_out))
                .map(|(_, value)| *value)
        });
        listed.map_or(Command::Stop, Command::Listed)
    }
}
