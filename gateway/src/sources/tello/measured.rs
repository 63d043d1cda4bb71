//! The drones at `/metrics`: what is known of each, every datagram, every picture.
//!
//! Readings that are not known are left out, never zero.

use std::fmt;

use readings::clock::Mono;
use readings::measured::{Labels, Measured, Page};

use super::{DroneView, Fleet, FleetStats, LinkState, VideoCounts};

impl Measured for Fleet {
    fn measure(&self, page: &mut Page<'_>) -> fmt::Result {
        known(self, page)?;
        datagrams(self, page)
    }
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
        "drone_height_centimetres",
        "Height over the take-off point",
        &|drone| drone.height_cm.filter(|_| drone.fresh).map(f64::from),
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
    let labels: Vec<[(&str, &str); 1]> = stats
        .drones
        .iter()
        .map(|drone| [("drone", &*drone.id)])
        .collect();
    let drones = || {
        stats
            .drones
            .iter()
            .zip(&labels)
            .map(|(drone, labels)| (drone, labels.as_slice() as Labels<'_>))
    };

    page.counters(
        "datagrams",
        "State datagrams",
        drones().map(|(d, l)| (l, d.state.datagrams)),
    )?;
    page.counters(
        "datagrams_malformed",
        "State datagrams not as firmware writes them",
        drones().map(|(d, l)| (l, d.state.malformed)),
    )?;
    page.counters(
        "datagrams_duplicate",
        "State datagrams that came twice",
        drones().map(|(d, l)| (l, d.state.duplicates)),
    )?;
    page.counters(
        "datagrams_reordered",
        "State datagrams overtaken by a newer one",
        drones().map(|(d, l)| (l, d.state.reordered)),
    )?;
    page.gauges(
        "datagram_rate",
        "State datagrams in the last second",
        drones().map(|(d, l)| (l, f64::from(d.state_rate))),
    )?;
    page.counters(
        "drone_restarts",
        "Times a drone began anew",
        drones().map(|(d, l)| (l, d.state.restarts)),
    )?;
    page.counters(
        "drone_losses",
        "Times a connected drone was lost",
        drones().map(|(d, l)| (l, d.commands.losses)),
    )?;
    page.counters(
        "drone_attempts",
        "Times a drone was asked to stream",
        drones().map(|(d, l)| (l, d.commands.attempts)),
    )?;
    page.counters(
        "drone_replies",
        "Replies on command ports",
        drones().map(|(d, l)| (l, d.commands.replies)),
    )?;
    page.counters(
        "drone_send_errors",
        "Sends that the kernel refused",
        drones().map(|(d, l)| (l, d.commands.errors)),
    )?;

    page.counters(
        "drone_commands",
        "Commands sent to a drone",
        drones().map(|(d, l)| (l, d.commands.commands)),
    )?;
    page.counters(
        "drone_late_replies",
        "Replies to nothing under way",
        drones().map(|(d, l)| (l, d.commands.late)),
    )?;
    page.counters(
        "drone_command_timeouts",
        "Commands without a reply in time",
        drones().map(|(d, l)| (l, d.commands.timeouts)),
    )?;

    let faults: Vec<([(&str, &str); 2], u64)> = stats
        .drones
        .iter()
        .flat_map(|drone| {
            drone
                .state
                .faults
                .iter()
                .map(|(kind, count)| ([("drone", &*drone.id), ("kind", kind.name())], count))
        })
        .collect();
    let faults = faults
        .iter()
        .map(|(labels, count)| (labels.as_slice() as Labels<'_>, *count));
    page.counters(
        "datagram_faults",
        "Malformations of state datagrams by kind",
        faults,
    )?;

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
    )?;
    let foreign = stats.state_ports.iter().map(|port| port.foreign).sum();
    page.counter(
        "foreign_datagrams",
        "Datagrams from addresses that are no drone's",
        foreign,
    )?;
    let errors = stats.state_ports.iter().map(|port| port.errors).sum();
    page.counter("state_port_errors", "Receives that failed", errors)?;
    let bound = stats.state_ports.iter().filter(|port| port.bound).count();
    page.gauge(
        "state_ports_bound",
        "State sockets that are open",
        bound as f64,
    )?;
    video(&stats, page)
}

/// What the cameras send, and what becomes of it.
fn video(stats: &FleetStats, page: &mut Page<'_>) -> fmt::Result {
    let labels: Vec<[(&str, &str); 1]> = stats
        .drones
        .iter()
        .map(|drone| [("drone", &*drone.id)])
        .collect();
    let feeds = || {
        stats
            .video
            .iter()
            .zip(&labels)
            .map(|(video, labels)| (labels.as_slice() as Labels<'_>, video))
    };
    let count = |of: fn(&VideoCounts) -> u64| {
        feeds().map(move |(labels, video)| (labels, of(&video.counts)))
    };
    page.counters(
        "video_datagrams",
        "Datagrams of video",
        count(|c| c.datagrams),
    )?;
    page.counters("video_bytes", "Bytes of video", count(|c| c.bytes))?;
    page.counters(
        "video_frames",
        "Frames of video offered to viewers",
        count(|c| c.frames),
    )?;
    page.counters(
        "video_key_frames",
        "Of those, whole pictures",
        count(|c| c.keys),
    )?;
    page.counters(
        "video_frames_damaged",
        "Frames of which a datagram seems missing",
        count(|c| c.damaged),
    )?;
    page.counters(
        "video_frames_missing",
        "Frames that never came, by their numbers",
        count(|c| c.missing),
    )?;
    page.counters(
        "video_frames_oversized",
        "Frames dropped for their length",
        count(|c| c.oversized),
    )?;
    page.counters(
        "video_frames_undecodable",
        "Frames no decoder could use, dropped",
        count(|c| c.undecodable),
    )?;
    page.counters(
        "video_frames_skipped",
        "Frames that slow viewers did not get",
        count(|c| c.skipped),
    )?;
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
    let foreign = stats.video_ports.iter().map(|port| port.foreign).sum();
    page.counter(
        "video_foreign_datagrams",
        "Video datagrams from addresses that are no drone's",
        foreign,
    )?;
    let errors = stats.video_ports.iter().map(|port| port.errors).sum();
    page.counter("video_port_errors", "Receives that failed", errors)?;
    let bound = stats.video_ports.iter().filter(|port| port.bound).count();
    page.gauge(
        "video_ports_bound",
        "Video sockets that are open",
        bound as f64,
    )
}
