//! What the types of `[drones]` cannot say. A file of its own beside `validate`
//! because it is the longest section.

use std::collections::BTreeMap;

use super::drones::MAX_GROUPS;
use super::{Drone, DroneMode, Drones, MAX_ID_BYTES, MAX_RANGES, Range};

/// What is wrong: where, and what is allowed.
type Wrong = (Vec<String>, String);

/// Everything wrong with the section.
pub(super) fn problems(drones: &Drones) -> Vec<Wrong> {
    let mut found = Vec::new();
    if drones.drone.len() > drones.max_drones {
        let (count, most) = (drones.drone.len(), drones.max_drones);
        let words = format!("{count} drones are configured, drones.max_drones is {most}");
        found.push(wrong(&["drone"], words));
    }
    for (key, words) in drones.limits.problems() {
        found.push(wrong(&["limits", key], words));
    }
    ports(drones, &mut found);
    ranges(drones, &mut found);
    let mut ids = BTreeMap::new();
    for (index, drone) in drones.drone.iter().enumerate() {
        let place = index.to_string();
        let mut refuse = |key, words: String| found.push(wrong(&["drone", &place, key], words));
        one(drone, drones.mode, &mut refuse);
        if let Some(first) = ids.insert(&drone.id, index) {
            let number = first + 1;
            let words = format!("{:?} is used already by drone number {number}", drone.id);
            refuse("id", words);
        }
    }
    groups(drones, &mut found);
    found
}

fn wrong(path: &[&str], words: impl Into<String>) -> Wrong {
    let path = [&["drones"], path].concat();
    (path.into_iter().map(str::to_owned).collect(), words.into())
}

/// A group is told as one: each of its drones exists, and is in it once.
fn groups(drones: &Drones, found: &mut Vec<Wrong>) {
    if drones.group.len() > MAX_GROUPS {
        found.push(wrong(&["group"], format!("at most {MAX_GROUPS} groups")));
    }
    for (index, group) in drones.group.iter().enumerate() {
        let place = index.to_string();
        let mut refuse = |key, words: String| found.push(wrong(&["group", &place, key], words));
        if let Some(words) = super::id::problem(&group.id, MAX_ID_BYTES) {
            refuse("id", words);
        }
        if drones.group[..index]
            .iter()
            .any(|other| other.id == group.id)
        {
            refuse("id", format!("{:?} is another group already", group.id));
        }
        if group.drones.is_empty() {
            refuse("drones", "must name at least one drone".to_owned());
        }
        for (at, id) in group.drones.iter().enumerate() {
            if !drones.drone.iter().any(|drone| drone.id == *id) {
                refuse("drones", format!("there is no drone {id:?}"));
            }
            if group.drones[..at].contains(id) {
                refuse("drones", format!("{id:?} is in it twice"));
            }
        }
    }
}

fn ports(drones: &Drones, found: &mut Vec<Wrong>) {
    if drones.state_port == drones.video_port || drones.state_port == 0 {
        let words = "must not be 0 and must differ from drones.video_port";
        found.push(wrong(&["state_port"], words));
    }
    if drones.video_port == 0 {
        let port = tello::VIDEO_PORT;
        let words = format!("must not be 0: drones send to a fixed port, {port}");
        found.push(wrong(&["video_port"], words));
    }
    if drones.command_port == 0 {
        let port = tello::COMMAND_PORT;
        let words = format!("must not be 0: drones listen on a fixed port, {port}");
        found.push(wrong(&["command_port"], words));
    }
}

fn ranges(drones: &Drones, found: &mut Vec<Wrong>) {
    if drones.scan_ranges.len() > MAX_RANGES {
        let words = format!("at most {MAX_RANGES} networks");
        found.push(wrong(&["scan_ranges"], words));
    }
    for (index, range) in drones.scan_ranges.iter().enumerate() {
        if let Err(error) = Range::parse(range) {
            found.push(wrong(
                &["scan_ranges", &index.to_string()],
                error.to_string(),
            ));
        }
    }
}

/// What is wrong with one drone by itself; `mode` is that of drones without one.
fn one(drone: &Drone, mode: DroneMode, refuse: &mut impl FnMut(&'static str, String)) {
    let id = &drone.id;
    if let Some(words) = super::id::problem(id, MAX_ID_BYTES) {
        refuse("id", words);
    }
    let mut name = drone.name.iter().flat_map(|name| name.chars());
    if name.any(readings::text::is_misleading) {
        let words = "must not have control characters, line separators or changes of direction";
        refuse("name", words.to_owned());
    }
    if id == readings::BOARD {
        refuse(
            "id",
            format!("{id:?} is the board itself in rules and alerts; use another id"),
        );
    }
    for (key, words) in drone.limits.problems() {
        refuse("limits", format!("{key}: {words}"));
    }
    if drone.command_port == Some(0) {
        refuse("command_port", "must not be 0".to_owned());
    }
    if drone.mode.unwrap_or(mode) == DroneMode::Real
        && drone.interface.is_none()
        && drone.address.is_some_and(|a| a.is_unspecified())
    {
        let words = "a real drone needs its own address or an interface";
        refuse("address", words.to_owned());
    }
}
