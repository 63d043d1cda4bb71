//! Thermal zones and their trip points
//! (`Documentation/driver-api/thermal/sysfs-api.rst`).

use super::trip::{TripKind, TripPoint, push};
use super::{Draft, Search};
use crate::decode::Decode;
use crate::gate::GateKind;
use crate::location::Location;
use crate::quantity::{Quantity, Role};
use crate::rates::{TEMPERATURE_MS, THROTTLE_MS};

const CLASS: &str = "/sys/class/thermal";

/// Trip points of one zone; the kernel allowed 12 until it lifted the limit.
const MAX_TRIPS: usize = 32;

pub(super) fn look(search: &mut Search) {
    let zones = zones(search);
    let soc = soc_zone(search, &zones);
    for (place, zone) in zones.iter().enumerate() {
        let of_soc = soc == Some(place);
        // Which of two that are called the same is the processor's nobody says, and it may
        // be the other one at the next boot: the hotter counts.
        let is_twin = soc.is_some_and(|soc| zones[soc].kind == zone.kind);
        let (role, range) = match (of_soc, is_twin) {
            (true, _) => (Role::SocTemperature, super::SOC_TEMPERATURE),
            (_, true) => (Role::BoardTemperature, super::SOC_TEMPERATURE),
            _ => (Role::Temperature, Quantity::Temperature.plausible()),
        };
        let name = format!("thermal:{}", zone.name());
        let draft = Draft::new(name, Quantity::Temperature, role, Decode::MILLI)
            .formerly(format!("thermal:{}", zone.kind))
            .label(zone.kind.as_str())
            .subject(zone.kind.as_str())
            .range(range.min, range.max);
        let identity = format!("thermal {}", zone.name());
        search.add_gated(
            (
                format!("{}/temp", zone.path),
                format!("{}/mode", zone.path),
                GateKind::Mode,
            ),
            identity,
            TEMPERATURE_MS,
            vec![draft],
        );
        trip_points(search, zone, of_soc);
    }
    if zones.is_empty() {
        search.note("no thermal zone under /sys/class/thermal: usual in a virtual machine");
    }
    profile_limits(search);
    cooling(search);
}

struct Zone {
    path: String,
    kind: String,
    /// The kind, but for a number that its driver counts on.
    known_as: String,
    /// Of firmware's zones: `LNXTHERM:01`.
    device: Option<String>,
}

impl Zone {
    /// Firmware may give several zones one name; their devices tell them apart, and the
    /// first has the plain name.
    fn name(&self) -> String {
        match &self.device {
            Some(device) if !device.ends_with(":00") => format!("{}@{device}", self.known_as),
            _ => self.known_as.clone(),
        }
    }
}

fn zones(search: &mut Search) -> Vec<Zone> {
    let mut zones = Vec::new();
    for entry in search.tree.list(CLASS) {
        let path = format!("{CLASS}/{entry}");
        if !entry.starts_with("thermal_zone") || !search.tree.exists(&format!("{path}/temp")) {
            continue;
        }
        let kind = search.tree.text(&format!("{path}/type")).unwrap_or(entry);
        if search
            .detected
            .profile
            .thermal
            .ignored_zones
            .contains(&kind)
        {
            search.note(format!(
                "thermal zone {kind} is left out: the profile says it is no measurement"
            ));
            continue;
        }
        let device = Location::of(search.tree, &path).key();
        let known_as = match is_counted(&kind) {
            true => {
                let before = zones.iter().filter(|zone: &&Zone| is_counted(&zone.kind));
                format!("{COUNTED}{}", before.count() + 1)
            }
            false => kind.clone(),
        };
        zones.push(Zone {
            path,
            kind,
            known_as,
            device,
        });
    }
    zones
}

/// Intel's Wi-Fi driver counts its radios' zones on at each reload: the first that is
/// there is number 1, whatever it says.
const COUNTED: &str = "iwlwifi_";

fn is_counted(kind: &str) -> bool {
    kind.strip_prefix(COUNTED)
        .is_some_and(|number| number.bytes().all(|b| b.is_ascii_digit()))
}

/// Parts of zones' names that are not the processor's: batteries, chargers and
/// radios register zones too, often before the processor's own.
const ELSEWHERE: [&str; 9] = [
    "bat", "bq2", "charg", "wifi", "wlan", "nvme", "pmic", "gpu", "skin",
];

/// The profile's choice, else what is named like a processor, else the first
/// that is not named like something else: unless a chip of the processor itself
/// is there, which is closer to the die than a PC's ACPI zone.
fn soc_zone(search: &Search, zones: &[Zone]) -> Option<usize> {
    let listed = &search.detected.profile.thermal.soc_zones;
    let by_profile = || {
        listed
            .iter()
            .find_map(|kind| zones.iter().position(|zone| zone.kind == *kind))
    };
    let named = |zone: &Zone, parts: &[&str]| {
        let kind = zone.kind.to_ascii_lowercase();
        parts.iter().any(|part| kind.contains(part))
    };
    let by_name = || {
        zones
            .iter()
            .position(|zone| named(zone, &["cpu", "soc", "pkg", "package", "core"]))
    };
    let by_place = || zones.iter().position(|zone| !named(zone, &ELSEWHERE));
    by_profile().or_else(by_name).or_else(|| {
        (!super::hwmon::has_processor_chip(search))
            .then(by_place)
            .flatten()
    })
}

/// A board that tells no processor's temperature is judged by those it has, the hottest
/// of them: a chip beside the processor is better than none. Not by what is elsewhere:
/// a disk, a radio, a probe on a wire.
pub(super) fn judge_without_a_processor(search: &mut Search) {
    if !search.wants(Role::SocTemperature) {
        return;
    }
    let sensors = search.result.found.iter_mut().flat_map(|f| &mut f.sensors);
    for (sensor, _) in sensors {
        let name = sensor.name.to_ascii_lowercase();
        let is_elsewhere = ELSEWHERE
            .iter()
            .chain(&["drivetemp", "w1", "power:"])
            .any(|part| name.contains(part));
        if sensor.role == Role::Temperature && !is_elsewhere {
            sensor.role = Role::BoardTemperature;
            sensor.range = super::SOC_TEMPERATURE;
        }
    }
}

fn trip_points(search: &mut Search, zone: &Zone, of_soc: bool) {
    for number in 0..MAX_TRIPS {
        let stem = format!("{}/trip_point_{number}", zone.path);
        let Some(kind) = search.tree.text(&format!("{stem}_type")) else {
            break;
        };
        let kind = match kind.as_str() {
            "critical" => TripKind::Critical,
            "hot" => TripKind::Hot,
            "passive" => TripKind::Passive,
            _ => TripKind::Active,
        };
        let source = format!("{stem}_temp");
        if let Some(celsius) = search.tree.number(&source).map(|milli| milli / 1000.0) {
            push(
                search,
                TripPoint {
                    zone: zone.kind.clone(),
                    kind,
                    celsius,
                    source,
                    of_soc,
                },
            );
        }
    }
}

/// What the firmware does by itself, which no file tells.
fn profile_limits(search: &mut Search) {
    let thermal = search.detected.profile.thermal.clone();
    let zone = thermal.soc_zones.first().cloned().unwrap_or_default();
    let limits = [
        (TripKind::Passive, thermal.throttle_c),
        (TripKind::Critical, thermal.critical_c),
    ];
    for (kind, celsius) in limits {
        if let Some(celsius) = celsius {
            let source = format!("profile {}", search.detected.profile_file);
            push(
                search,
                TripPoint {
                    zone: zone.clone(),
                    kind,
                    celsius,
                    source,
                    of_soc: true,
                },
            );
        }
    }
}

/// A cooling device that slows the processor says whether it does: the
/// kernel's own throttling, on any board whose firmware leaves it to the kernel.
fn cooling(search: &mut Search) {
    let mut processors = 0;
    for entry in search.tree.list(CLASS) {
        let path = format!("{CLASS}/{entry}");
        let Some(kind) = search.tree.text(&format!("{path}/type")) else {
            continue;
        };
        // The last two make it pause, where the clock cannot be lowered.
        let slows = [
            "thermal-cpufreq",
            "cpufreq-cpu",
            "cpu-cluster",
            "idle-cpu",
            "thermal-idle",
        ];
        let cpu = slows.iter().any(|start| kind.starts_with(start));
        // ACPI has one for each processor, and they move together.
        let first_processor = kind == "Processor" && processors == 0;
        processors += usize::from(kind == "Processor");
        if !entry.starts_with("cooling_device") || !(cpu || first_processor) {
            continue;
        }
        let draft = Draft::new(
            format!("cooling:{kind}"),
            Quantity::Flag,
            Role::Throttled,
            Decode::NonZero,
        )
        .label(format!("slowed down for heat ({kind})"));
        search.add(
            format!("{path}/cur_state"),
            format!("cooling {kind}"),
            THROTTLE_MS,
            vec![draft],
        );
    }
}
