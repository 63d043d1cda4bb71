//! A tree of files that a test changes as a kernel would, while the gateway runs on it.

use std::fs::{create_dir_all, rename, write};
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use gateway_tests::{Client, Gateway};
use serde_json::Value;

use super::sensor;

/// A tree of files.
pub(super) struct Machine(tempfile::TempDir);

impl Machine {
    /// One with a processor of 48 degrees.
    pub(super) fn new() -> Machine {
        let machine = Machine(tempfile::tempdir().unwrap());
        machine.zone(0, "cpu-thermal", "48000\n");
        machine
    }

    pub(super) fn at(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    pub(super) fn put(&self, path: &str, text: &str) {
        let path = self.at(path);
        create_dir_all(path.parent().unwrap()).unwrap();
        // Replaced at once, as a sysfs attribute is: never seen half-written.
        let new = self.at("new");
        write(&new, text).unwrap();
        rename(new, path).unwrap();
    }

    pub(super) fn zone(&self, number: u32, kind: &str, temp: &str) {
        let path = format!("sys/class/thermal/thermal_zone{number}");
        self.put(&format!("{path}/temp"), temp);
        self.put(&format!("{path}/mode"), "enabled\n");
        self.put(&format!("{path}/type"), &format!("{kind}\n"));
    }

    /// A chip under that number; it is there at once or not at all.
    pub(super) fn chip(
        &self,
        number: u32,
        name: &str,
        device: &str,
        files: &[(&str, &str)],
    ) -> PathBuf {
        let made = self.at("made");
        create_dir_all(&made).unwrap();
        for (file, text) in files {
            write(made.join(file), text).unwrap();
        }
        symlink(format!("../../../{device}"), made.join("device")).unwrap();
        write(made.join("name"), format!("{name}\n")).unwrap();
        let chip = self.at(&format!("sys/class/hwmon/hwmon{number}"));
        create_dir_all(chip.parent().unwrap()).unwrap();
        rename(made, &chip).unwrap();
        chip
    }

    /// A battery, or another supply, under that name.
    pub(super) fn supply(&self, name: &str, files: &[(&str, &str)]) -> PathBuf {
        let made = self.at("made");
        create_dir_all(&made).unwrap();
        for (file, text) in files {
            write(made.join(file), format!("{text}\n")).unwrap();
        }
        let supply = self.at(&format!("sys/class/power_supply/{name}"));
        create_dir_all(supply.parent().unwrap()).unwrap();
        rename(made, &supply).unwrap();
        supply
    }

    pub(super) async fn run(&self, more: &str) -> anyhow::Result<Gateway> {
        let config = format!(
            "[board]\nroot = {:?}\nlost_after_s = 1\n{more}",
            self.0.path()
        );
        Gateway::builder().config(&config).start().await
    }
}

pub(super) fn rule(
    name: &str,
    source: &str,
    metric: &str,
    (operator, threshold): (&str, f64),
) -> String {
    format!(
        "[[alerts.rule]]\nname = {name:?}\nsource = {source:?}\nmetric = {metric:?}\noperator = {operator:?}\nthreshold = {threshold:?}\nlevel = \"error\"\n"
    )
}

pub(super) async fn value(admin: &Client, name: &str, value: f64) -> anyhow::Result<()> {
    let is = |sensor: &Value| sensor["state"] == "fresh" && sensor["value"] == value;
    sensor(admin, name, is).await.map(drop)
}

pub(super) fn says(alert: &Value, words: &str) -> bool {
    alert["message"].as_str().unwrap().contains(words)
}
