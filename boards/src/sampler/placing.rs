//! What a search found, brought into the table: a sensor keeps its place, one that is gone
//! gives it up when another needs it.

use std::path::{Path, PathBuf};

use super::Sensors;
use crate::decode::Decode;
use crate::discover::{Discovery, Found, MAX_SENSORS, Origin};
use crate::gate::{Gate, GateKind};
use crate::lanes::Searched;
use crate::location::ONE_WIRE_BUS;
use crate::probe::{Channel, Probe};
use crate::rates::RESCAN_MS;
use crate::sensor::Sensor;
use crate::source::Source;
use crate::tree::{Handles, is_inside};

/// Devices a search leaves out because it hung in them: each holds a reader.
const MAX_AVOIDED: usize = 4;

impl Sensors {
    /// Searches the classes and brings the table up to date.
    pub(super) fn search(&mut self, now_ms: u64) -> bool {
        let Discovery {
            found,
            trip_points,
            facts,
            notes,
            hats,
            left_out,
            refused,
        } = match self.discover() {
            Some(discovery) => discovery,
            // Nothing is known to have changed: what is known is read on.
            None => return false,
        };
        let held = self.held_directories();
        if !held.is_empty() {
            // Others may have taken their roles.
            self.hot_plug.look_again(now_ms);
        } else if self.avoided.is_empty() {
            self.hot_plug.again_wait_ms = RESCAN_MS;
        }
        let unseen: Vec<&str> = (self.avoided.iter().map(|(_, directory)| directory))
            .chain(&held)
            .map(String::as_str)
            .collect();
        let is_unseen = |source: &str| unseen.iter().any(|of| is_inside(source, of));
        // Nobody looked there: what was known of them still holds.
        let before = std::mem::replace(&mut self.trip_points, trip_points);
        let kept = before.into_iter().filter(|trip| is_unseen(&trip.source));
        self.trip_points.extend(kept);
        (self.facts, self.notes, self.hats) = (facts, notes, hats);
        let refused_before = std::mem::replace(&mut self.refused, refused);
        self.counters.searches += 1;
        self.counters.left_out += left_out.count as u64;
        let before = std::mem::replace(&mut self.left_out, left_out);
        let mut changed = false;
        for probe in &mut self.probes {
            let is_found = found.iter().any(|f| f.identity == probe.identity);
            let first = probe.channels.first();
            let is_avoided = first
                .is_some_and(|channel| is_unseen(&self.sensors[usize::from(channel.place)].source));
            if !is_found && !is_avoided && probe.lost(now_ms) {
                self.counters.vanished += 1;
                changed = true;
            }
        }
        for (_, directory) in &self.avoided {
            self.notes.push(format!(
                "{directory} does not answer: its bus or its driver is stuck; looked at again when it comes back"
            ));
        }
        for found in found {
            changed |= self.place(now_ms, found);
        }
        changed |= self.left_out != before || self.refused != refused_before;
        self.generation += u64::from(changed);
        changed
    }

    /// Looks at everything by a reader. One that does not come back hangs in the device
    /// whose file it reads: the others are looked at without that one.
    fn discover(&mut self) -> Option<Discovery> {
        while self.avoided.len() <= MAX_AVOIDED {
            let mut avoided = self.held_directories();
            avoided.extend(self.avoided.iter().map(|(_, directory)| directory.clone()));
            let (tree, progress) = self.tree.watched(avoided);
            match self.lanes.search(tree, self.detected.clone()) {
                Searched::Found(discovery) => return Some(*discovery),
                Searched::Hangs(ticket) => {
                    self.counters.late += 1;
                    // Between two files it hangs in something that has no name here.
                    self.avoided.push((ticket, progress.directory()?));
                }
                Searched::NoReader => return None,
            }
        }
        None
    }

    /// Directories of devices in whose files a reader hangs already. Those of `/sys` only:
    /// there one is of one device.
    fn held_directories(&self) -> Vec<String> {
        let held = self.probes.iter().filter(|probe| probe.source.is_none());
        let files = held.filter_map(|probe| probe.channels.first());
        let files = files.map(|channel| self.sensors[usize::from(channel.place)].source.as_str());
        files
            .filter(|file| file.starts_with("/sys/"))
            .filter_map(|file| Some(file.rsplit_once('/')?.0.to_owned()))
            .collect()
    }

    /// Puts what was found into the table; says whether that changed anything.
    fn place(&mut self, now_ms: u64, found: Found) -> bool {
        // A file that vanished between listing and now is simply not found.
        let path = match (&found.origin, self.tree.locate(&found.source)) {
            (Origin::Kernel(_), _) => PathBuf::from(&found.source),
            (_, Ok(path)) => path,
            (Origin::Marker, Err(_)) => self.tree.root().join(found.source.trim_start_matches('/')),
            (Origin::File, Err(_)) => return false,
        };
        let gate = |(gate, kind): &(String, GateKind)| {
            let path = self.tree.locate(gate).ok()?;
            Some(Gate::new(path, *kind))
        };
        let gates = found.gates.iter().filter_map(gate).collect();
        let known = self
            .probes
            .iter()
            .position(|probe| probe.identity == found.identity);
        let there = |files: &Vec<String>| {
            let files = files.iter();
            files.map(|file| self.beside(&path, file)).collect()
        };
        let beside = there(&found.beside);
        let instead = found.instead.iter().map(there).collect();
        let source = Source::new(path, self.handles(&found.source), found.origin, gates)
            .with(beside)
            .or_instead(instead);
        if let Some(at) = known {
            let moved = self.probes[at].found_at(now_ms, &found.bus, source);
            let renamed = self.take_meaning(at, &found.sensors);
            if moved {
                for channel in &self.probes[at].channels {
                    let sensor = &mut self.sensors[usize::from(channel.place)];
                    sensor.source.clone_from(&found.source);
                }
                self.counters.appeared += 1;
            }
            return moved || renamed;
        }
        if !self.make_room(found.sensors.len()) {
            self.counters.left_out += found.sensors.len() as u64;
            for (sensor, _) in &found.sensors {
                self.left_out.add(&sensor.name);
            }
            return false;
        }
        let mut probe = Probe::new(found.identity, found.bus, source, found.period_ms);
        probe.wait_until(now_ms);
        self.probes_made += 1;
        probe.id = self.probes_made;
        self.append(probe, found.sensors);
        self.counters.appeared += 1;
        true
    }

    /// A file beside `path`, or anywhere in the tree.
    fn beside(&self, path: &Path, file: &str) -> PathBuf {
        match file.strip_prefix('/') {
            Some(inside) => (self.tree.locate(file)).unwrap_or(self.tree.root().join(inside)),
            None => path.with_file_name(file),
        }
    }

    /// Whether a file stays open between samples. An ordinary one is replaced by another
    /// of its name, whatever the tree.
    fn handles(&self, source: &str) -> Handles {
        match self.tree.handles() {
            Handles::Keep if source.starts_with("/run/") => Handles::Reopen,
            handles => handles,
        }
    }

    /// Which temperature the board is judged by may change as others come or go, how long
    /// one waits for its turn on their bus, and the scale of a converter; says whether the
    /// first two did. A driver that was loaded anew may call its channel otherwise, or have
    /// a scale for it or none: then the file is what it was, and the sensor another.
    fn take_meaning(&mut self, at: usize, found: &[(Sensor, Decode)]) -> bool {
        let mut changed = false;
        for (channel, (new, decode)) in self.probes[at].channels.iter_mut().zip(found) {
            let sensor = &mut self.sensors[usize::from(channel.place)];
            if sensor.quantity == new.quantity {
                channel.mean(decode, new.range);
            } else {
                // What it said is in another unit. (Nothing on 1-wire changes that.)
                *channel = Channel::new(channel.place, decode.clone(), new.range, new.quantity);
            }
            sensor.range = new.range;
            let is_other = sensor.quantity != new.quantity || sensor.label != new.label;
            if is_other || (sensor.role.is_temperature() && sensor.role != new.role) {
                sensor.role = new.role;
                changed = true;
            }
            if is_other {
                sensor.quantity = new.quantity;
                sensor.estimated = new.estimated;
                sensor.label.clone_from(&new.label);
                sensor.subject.clone_from(&new.subject);
            }
            if sensor.max_age_ms != new.max_age_ms {
                sensor.max_age_ms = new.max_age_ms;
                changed = true;
            }
        }
        changed
    }

    /// Gives up what is gone longest until `wanted` places are free. False when
    /// what is there, or held, leaves too few.
    fn make_room(&mut self, wanted: usize) -> bool {
        loop {
            let given_up = self.owners.iter().filter(|owner| owner.is_none()).count();
            if given_up + MAX_SENSORS - self.sensors.len() >= wanted {
                return true;
            }
            let gone = self.probes.iter().enumerate();
            let oldest = gone
                .filter_map(|(at, probe)| Some((probe.reusable_since_ms()?, at)))
                .min();
            let Some((_, at)) = oldest else {
                return false;
            };
            self.give_up(at);
        }
    }

    /// Forgets a probe; its sensors' places are free.
    fn give_up(&mut self, at: usize) {
        self.probes.remove(at);
        self.owners.fill(None);
        for (number, probe) in self.probes.iter().enumerate() {
            for (channel, place) in probe.channels.iter().map(|c| c.place).enumerate() {
                self.owners[usize::from(place)] = Some((number as u16, channel as u16));
            }
        }
    }

    fn append(&mut self, mut probe: Probe, sensors: Vec<(Sensor, Decode)>) {
        let is_on_wire = *probe.bus == *ONE_WIRE_BUS;
        for (mut sensor, decode) in sensors {
            // A name may be taken by a sensor that is gone.
            while self.is_named(&sensor.name) {
                sensor.name.push('\'');
            }
            let owner = Some((self.probes.len() as u16, probe.channels.len() as u16));
            let given_up = self.owners.iter().position(Option::is_none);
            let place = given_up.unwrap_or(self.sensors.len());
            let (range, quantity) = (sensor.range, sensor.quantity);
            match given_up {
                Some(place) => {
                    self.owners[place] = owner;
                    self.sensors[place] = sensor;
                }
                None => {
                    self.owners.push(owner);
                    self.sensors.push(sensor);
                }
            }
            probe
                .channels
                .push(Channel::new(place as u16, decode, range, quantity).on_one_wire(is_on_wire));
        }
        self.probes.push(probe);
    }

    /// Whether a sensor that has a place is called so.
    fn is_named(&self, name: &str) -> bool {
        let mut placed = self.sensors.iter().zip(&self.owners);
        placed.any(|(sensor, owner)| owner.is_some() && sensor.name == name)
    }
}
