//! What the types of `[drones]` cannot say. A file of its own beside `validate`
//! because it is the longest section.

use std::collections::BTreeMap;

use super::drones::{DRONE_WAITS_S, LOST_AFTER_S, MAX_DRONES};
use super::validate::{BOARD_SOURCE, Check};
use super::{Config, DroneMode, Drones, MAX_ID_BYTES, MAX_RANGES, Range, is_id};

impl Check<'_> {
    pub(super) fn drones(&mut self, config: &Config) {
        let drones = &config.drones;
        if !(1..=MAX_DRONES).contains(&drones.max_drones) {
            self.refuse(
                &["drones", "max_drones"],
                format!("must be 1 to {MAX_DRONES}"),
            );
        }
        if drones.drone.len() > drones.max_drones {
            self.refuse(
                &["drones", "drone"],
                format!(
                    "{} drones are configured, drones.max_drones is {}",
                    drones.drone.len(),
                    drones.max_drones
                ),
            );
        }
        self.drone_ports(drones);
        self.drone_times(drones);
        for (key, percent) in [
            ("warn_battery_pct", drones.warn_battery_pct),
            ("takeoff_battery_pct", drones.takeoff_battery_pct),
            ("land_battery_pct", drones.land_battery_pct),
        ] {
            if percent > 100 {
                self.refuse(&["drones", key], "must be 0 to 100 percent");
            }
        }
        self.discovery(drones);
        self.each_drone(drones);
    }

    fn drone_ports(&mut self, drones: &Drones) {
        if drones.state_port == drones.video_port || drones.state_port == 0 {
            self.refuse(
                &["drones", "state_port"],
                "must not be 0 and must differ from drones.video_port",
            );
        }
        if drones.video_port == 0 {
            self.refuse(
                &["drones", "video_port"],
                "must not be 0: drones send to a fixed port, 11111",
            );
        }
        if drones.command_port == 0 {
            self.refuse(
                &["drones", "command_port"],
                "must not be 0: drones listen on a fixed port, 8889",
            );
        }
    }

    fn drone_times(&mut self, drones: &Drones) {
        if !LOST_AFTER_S.contains(&drones.lost_after_s) {
            self.refuse(
                &["drones", "lost_after_s"],
                format!(
                    "must be {} to {} seconds (a Tello sends its state every 0.1 s)",
                    LOST_AFTER_S.start(),
                    LOST_AFTER_S.end()
                ),
            );
        }
        for (key, seconds) in [
            ("operator_grace_s", drones.operator_grace_s),
            ("connect_timeout_s", drones.connect_timeout_s),
        ] {
            if !DRONE_WAITS_S.contains(&seconds) {
                self.refuse(
                    &["drones", key],
                    format!(
                        "must be {} to {} seconds",
                        DRONE_WAITS_S.start(),
                        DRONE_WAITS_S.end()
                    ),
                );
            }
        }
    }

    fn each_drone(&mut self, drones: &Drones) {
        let mut ids = BTreeMap::new();
        for (index, drone) in drones.drone.iter().enumerate() {
            let place = index.to_string();
            if !is_id(&drone.id, MAX_ID_BYTES) {
                self.refuse(
                    &["drones", "drone", &place, "id"],
                    format!(
                        "{:?} is not an id; use 1 to {MAX_ID_BYTES} letters, digits, _ and -",
                        drone.id
                    ),
                );
            }
            if drone.id == BOARD_SOURCE {
                self.refuse(
                    &["drones", "drone", &place, "id"],
                    format!(
                        "{BOARD_SOURCE:?} is the board itself in rules and alerts; use another id"
                    ),
                );
            }
            if let Some(first) = ids.insert(&drone.id, index) {
                self.refuse(
                    &["drones", "drone", &place, "id"],
                    format!(
                        "{:?} is used already by drone number {}",
                        drone.id,
                        first + 1
                    ),
                );
            }
            if drone.command_port == Some(0) {
                self.refuse(
                    &["drones", "drone", &place, "command_port"],
                    "must not be 0",
                );
            }
            let mode = drone.mode.unwrap_or(drones.mode);
            if mode == DroneMode::Real
                && drone.interface.is_none()
                && drone.address.is_some_and(|a| a.is_unspecified())
            {
                self.refuse(
                    &["drones", "drone", &place, "address"],
                    "a real drone needs its own address or an interface",
                );
            }
        }
    }

    fn discovery(&mut self, drones: &Drones) {
        if drones.scan_ranges.len() > MAX_RANGES {
            self.refuse(
                &["drones", "scan_ranges"],
                format!("at most {MAX_RANGES} networks"),
            );
        }
        for (index, range) in drones.scan_ranges.iter().enumerate() {
            if let Err(error) = Range::parse(range) {
                self.refuse(
                    &["drones", "scan_ranges", &index.to_string()],
                    error.to_string(),
                );
            }
        }
        let interval_s = drones.auto_scan_interval_s;
        if interval_s != 0 && !(5..=86_400).contains(&interval_s) {
            self.refuse(
                &["drones", "auto_scan_interval_s"],
                "must be 0 (off) or 5 to 86400 seconds",
            );
        }
    }
}
