//! The world as it stands at one moment.

use std::time::Duration;

use tello_simulator::{Firmware, Options};
use tokio::time::Instant;

use super::board::Board;
use super::gateway::{Gateway, drone_address};
use super::ledger::Ledger;
use super::network::Network;
use super::place::{Craft, Site};
use super::sabotage::Sabotage;
use super::scene::Scene;

/// What a run came to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Figures {
    pub(super) seconds: u64,
    pub(super) commands: u64,
    pub(super) states: u64,
    pub(super) flights: u64,
}

impl Figures {
    pub(super) fn add(&mut self, other: Figures) {
        self.seconds += other.seconds;
        self.commands += other.commands;
        self.states += other.states;
        self.flights += other.flights;
    }
}

/// The world.
pub(super) struct World {
    pub(super) scene: Scene,
    pub(super) now_ms: u64,
    /// Moments since the clock went on.
    pub(super) moments: u32,
    pub(super) crafts: Vec<Craft>,
    pub(super) sites: Vec<Site>,
    pub(super) ledger: Ledger,
    pub(super) sabotage: Option<Sabotage>,
    /// The one invariant that is looked at; none: all.
    pub(super) only: Option<&'static str>,
    pub(super) figures: Figures,
    pub(super) network: Network,
    pub(super) began: Instant,
    pub(super) next_act: usize,
    pub(super) has_ended: bool,
    /// What happened, in words; none where nobody reads it.
    pub(super) log: Option<Vec<String>>,
}

impl World {
    pub(super) fn new(scene: Scene, sabotage: Option<Sabotage>, tells: bool) -> World {
        let began = Instant::now();
        let craft = |(index, craft): (usize, &super::scene::Craft)| {
            let options = Options {
                sdk: craft.sdk,
                battery_pct: craft.battery_pct,
                seed: scene.seed.wrapping_add(1 + index as u64),
                ..Options::default()
            };
            Craft {
                firmware: Firmware::new(options, began),
                address: drone_address(index),
                is_dead: false,
                on_ground_ms: 0,
                busy_until_ms: 0,
            }
        };
        let medium = Duration::from_millis(scene.medium_ms);
        let site = |_| {
            let mut board = Board::that_takes(medium);
            board.alerts.forgets = sabotage == Some(Sabotage::ForgetfulMedium);
            Site {
                gateway: Some(Gateway::start(&scene, &board, false, 0)),
                board,
                back_ms: None,
                is_pressed: false,
                plugged_ms: None,
                thumbs: Vec::new(),
            }
        };
        let sites: Vec<Site> = (0..scene.gateways).map(site).collect();
        World {
            now_ms: 0,
            moments: 0,
            crafts: scene.drones.iter().enumerate().map(craft).collect(),
            ledger: Ledger::new(sites.len(), scene.drones.len()),
            sites,
            sabotage,
            only: None,
            figures: Figures::default(),
            network: Network::new(scene.weather, scene.seed),
            began,
            next_act: 0,
            has_ended: false,
            log: tells.then(Vec::new),
            scene,
        }
    }

    /// Says what happened, to whoever reads it.
    pub(super) fn tell(&mut self, words: impl FnOnce() -> String) {
        let at = self.now_ms;
        if let Some(log) = &mut self.log {
            log.push(format!(
                "{:>4}.{:03} s  {}",
                at / 1_000,
                at % 1_000,
                words()
            ));
        }
    }

    /// That time on the drones' clock.
    pub(super) fn at(&self, now_ms: u64) -> Instant {
        self.began + Duration::from_millis(now_ms)
    }
}
