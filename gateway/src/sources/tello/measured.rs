//! The drones at `/metrics`: what is known of each, every datagram, every picture.
//!
//! Readings that are not known are left out, never zero.

use std::fmt;

use readings::clock::Mono;
use readings::measured::{Labels, Measured, Page};

use super::{DroneStats, Fleet, FleetStats, PortView, VideoCounts};
use crate::sources::vehicles::{DroneView, LinkState};

/// A family of counters: its name, its help, a drone's value.
type Counter<T> = (&'static str, &'static str, fn(&T) -> u64);

const OF_DRONES: &[Counter<DroneStats>] = &[
    ("datagrams", "State datagrams", |d| d.state.datagrams),
    (
        "datagrams_malformed",
        "State datagrams not as firmware writes them",
        |d| d.state.malformed,
    ),
    (
        "datagrams_duplicate",
        "State datagrams that came twice",
        |d| d.state.duplicates,
    ),
    (
        "datagrams_reordered",
        "State datagrams overtaken by a newer one",
        |d| d.state.reordered,
    ),
    ("drone_restarts", "Times a drone began anew", |d| {
        d.state.restarts
    }),
    ("drone_losses", "Times a connected drone was lost", |d| {
        d.commands.losses
    }),
    ("drone_attempts", "Times a drone was asked to stream", |d| {
        d.commands.attempts
    }),
    ("drone_replies", "Replies on command ports", |d| {
        d.commands.replies
    }),
    (
        "drone_replies_elsewhere",
        "Replies by another way than the one that leads to the drone; not read",
        |d| d.commands.elsewhere,
    ),
    ("drone_send_errors", "Sends that the kernel refused", |d| {
        d.commands.errors
    }),
    ("drone_commands", "Commands sent to a drone", |d| {
        d.commands.commands
    }),
    ("drone_late_replies", "Replies to nothing under way", |d| {
        d.commands.late
    }),
    (
        "drone_command_timeouts",
        "Commands without a reply in time",
        |d| d.commands.timeouts,
    ),
    ("drone_stick_frames", "Frames of sticks taken", |d| {
        d.sticks[0]
    }),
    (
        "drone_stick_frames_replaced",
        "Frames of sticks that newer ones replaced before they were flown",
        |d| d.sticks[1],
    ),
];

const OF_VIDEO: &[Counter<VideoCounts>] = &[
    ("video_datagrams", "Datagrams of video", |c| c.datagrams),
    ("video_bytes", "Bytes of video", |c| c.bytes),
    ("video_frames", "Frames of video offered to viewers", |c| {
        c.frames
    }),
    ("video_key_frames", "Of those, whole pictures", |c| c.keys),
    (
        "video_frames_damaged",
        "Frames of which a datagram seems missing",
        |c| c.damaged,
    ),
    (
        "video_frames_missing",
        "Frames that never came, by their numbers",
        |c| c.missing,
    ),
    (
        "video_frames_oversized",
        "Frames dropped for their length",
        |c| c.oversized,
    ),
    (
        "video_frames_undecodable",
        "Frames no decoder could use, dropped",
        |c| c.undecodable,
    ),
    (
        "video_frames_skipped",
        "Frames that slow viewers did not get",
        |c| c.skipped,
    ),
];

impl Measured for Fleet {
    fn measure(&self, page: &mut Page<'_>) -> fmt::Result {
        called(self, page)?;
        known(self, page)?;
        datagrams(self, page)
    }
}

/// Which drones there are, to be joined to what is measured of each by `drone`.
fn called(fleet: &Fleet, page: &mut Page<'_>) -> fmt::Result {
    let drones = fleet.drones();
    let labels: Vec<[(&str, &str); 3]> = drones
        .iter()
        .map(|drone| {
            let simulated = if drone.simulated { "true" } else { "false" };
            [
                ("drone", &*drone.id),
                ("name", &*drone.name),
                ("simulated", simulated),
            ]
        })
        .collect();
    page.gauges(
        "drone_info",
        "What the drone is called, and whether it is a simulation",
        labels.iter().map(|labels| (labels.as_slice(), 1.0)),
    )
}

fn known(fleet: &Fleet, page: &mut Page<'_>) -> fmt::Result {
    let drones = fleet.drones();
    let labels: Vec<[(&str, &str); 1]> =
        drones.iter().map(|drone| [("drone", &*drone.id)]).collect();
    let now = Mono::now();
    let mut family = |name: &str, help: &str, value: &dyn Fn(&DroneView) -> Option<f64>| {
        let samples = drones.iter().zip(&labels);
        page.gauges(
            name,
            help,
            samples.filter_map(|(drone, labels)| Some((labels.as_slice(), value(drone)?))),
        )
    };
    family(
        "drone_connected",
        "1 while the drone's state arrives",
        &|drone| Some(f64::from(u8::from(drone.link == LinkState::Connected))),
    )?;
    family(
        "drone_lost",
        "1 while the drone should be heard and is not",
        &|drone| Some(f64::from(u8::from(drone.link == LinkState::Lost))),
    )?;
    family("drone_battery_percent", "Battery", &|drone| {
        drone.battery_pct.filter(|_| drone.fresh).map(f64::from)
    })?;
    family(
        "drone_temperature_celsius",
        "Highest main-board temperature",
        &|drone| drone.temperature_c.filter(|_| drone.fresh),
    )?;
    family(
        "drone_height_metres",
        "Height over the take-off point",
        &|drone| {
            let height_cm = drone.height_cm.filter(|_| drone.fresh)?;
            Some(f64::from(height_cm) / 100.0)
        },
    )?;
    family(
        "drone_state_age_seconds",
        "Seconds since the drone was heard",
        &|drone| {
            drone
                .last_seen_mono
                .map(|seen| (now.since(seen).as_secs_f64() * 100.0).round() / 100.0)
        },
    )
}

fn datagrams(fleet: &Fleet, page: &mut Page<'_>) -> fmt::Result {
    let stats = fleet.stats();
    let labels: Vec<[(&str, &str); 1]> = labels(&stats);
    let drones = || {
        let labels = labels.iter().map(|labels| labels.as_slice() as Labels<'_>);
        labels.zip(&stats.drones)
    };
    for (name, help, value) in OF_DRONES {
        page.counters(name, help, drones().map(|(l, d)| (l, value(d))))?;
    }
    page.gauges(
        "datagram_rate",
        "State datagrams in the last second",
        drones().map(|(l, d)| (l, f64::from(d.state_rate))),
    )?;
    faults(&stats, page)?;
    ports(
        page,
        (
            "foreign_datagrams",
            "Datagrams from addresses that are no drone's",
        ),
        (
            "state_port_errors",
            "state_ports_bound",
            "State sockets that are open",
        ),
        &stats.state_ports,
    )?;
    let ports = stats.state_ports.iter().chain(&stats.video_ports);
    page.counter(
        "datagrams_elsewhere",
        "State and video in a drone's name by another way than leads to it; not read",
        ports.map(|port| port.elsewhere).sum(),
    )?;
    kept_out(&stats, page)?;
    searches(fleet, page)?;
    video(&stats, page)
}

fn labels(stats: &FleetStats) -> Vec<[(&str, &str); 1]> {
    let drones = stats.drones.iter();
    drones.map(|drone| [("drone", &*drone.id)]).collect()
}

fn faults(stats: &FleetStats, page: &mut Page<'_>) -> fmt::Result {
    let of = stats.drones.iter().flat_map(|drone| {
        let faults = drone.state.faults.iter();
        faults.map(|(kind, count)| ([("drone", &*drone.id), ("kind", kind.name())], count))
    });
    let faults: Vec<([(&str, &str); 2], u64)> = of.collect();
    page.counters(
        "datagram_faults",
        "Malformations of state datagrams by kind",
        faults
            .iter()
            .map(|(labels, count)| (labels.as_slice() as Labels<'_>, *count)),
    )
}

fn searches(fleet: &Fleet, page: &mut Page<'_>) -> fmt::Result {
    let search = fleet.discovery().stats();
    page.counter("drone_scans", "Searches for drones", search.scans)?;
    page.counter(
        "drone_scans_failed",
        "Searches for drones that could not be made",
        search.failed,
    )?;
    page.counter(
        "drone_scan_datagrams",
        "Datagrams sent by searches and verifications",
        search.datagrams,
    )?;
    page.counter(
        "drones_detected",
        "Drones found by searches, each time counted",
        search.detections,
    )
}

/// What the kernel did not hand over.
fn kept_out(stats: &FleetStats, page: &mut Page<'_>) -> fmt::Result {
    let labels = [[("port", "state")], [("port", "video")]];
    let ports = [&stats.state_ports, &stats.video_ports];
    let labels = || labels.iter().map(|labels| labels.as_slice() as Labels<'_>);
    page.counters(
        "datagrams_dropped",
        "Datagrams that the kernel dropped: there was no room, or they were strangers' in a flood",
        labels().zip(stats.dropped),
    )?;
    let flooded = |ports: &Vec<PortView>| ports.iter().filter(|port| port.flooded).count();
    page.gauges(
        "ports_flooded",
        "Sockets that strangers flood: most of what those send is kept out",
        labels().zip(ports.map(|ports| flooded(ports) as f64)),
    )
}

/// What sockets of one kind took and missed, and how many are open.
fn ports(
    page: &mut Page<'_>,
    (foreign, foreign_help): (&str, &str),
    (errors, bound, bound_help): (&str, &str, &str),
    ports: &[PortView],
) -> fmt::Result {
    let count = |of: fn(&PortView) -> u64| ports.iter().map(of).sum();
    page.counter(foreign, foreign_help, count(|port| port.foreign))?;
    page.counter(errors, "Receives that failed", count(|port| port.errors))?;
    let open = ports.iter().filter(|port| port.bound).count();
    page.gauge(bound, bound_help, open as f64)
}

/// What the cameras send, and what becomes of it.
fn video(stats: &FleetStats, page: &mut Page<'_>) -> fmt::Result {
    let labels = labels(stats);
    let feeds = || {
        let labels = labels.iter().map(|labels| labels.as_slice() as Labels<'_>);
        labels.zip(&stats.video)
    };
    for (name, help, value) in OF_VIDEO {
        page.counters(name, help, feeds().map(|(l, v)| (l, value(&v.counts))))?;
    }
    page.gauges(
        "video_frame_rate",
        "Frames in the last second",
        feeds().map(|(l, v)| (l, f64::from(v.fps))),
    )?;
    page.gauges(
        "video_bit_rate",
        "Bits in the last second",
        feeds().map(|(l, v)| (l, v.bit_s as f64)),
    )?;
    page.gauges(
        "video_feed_viewers",
        "Viewers by drone",
        feeds().map(|(l, v)| (l, v.viewers as f64)),
    )?;
    ports(
        page,
        (
            "video_foreign_datagrams",
            "Video datagrams from addresses that are no drone's",
        ),
        (
            "video_port_errors",
            "video_ports_bound",
            "Video sockets that are open",
        ),
        &stats.video_ports,
    )
}
