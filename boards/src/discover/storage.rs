//! Health of the storage the system runs from, where the kernel tells
//! (`Documentation/ABI/testing/sysfs-bus-mmc`). An eMMC has wear registers; an
//! SD card has none that the kernel reads, and then there is no sensor rather than a
//! made-up one. An NVMe disk tells its own by a command to its device only, which another
//! program gives it (`disk_health.rs`).

use super::{Draft, Search};
use crate::decode::Decode;
use crate::disk_health::{CLASS as NVME, DIRECTORY as DISKS, Said, Warning};
use crate::location::Location;
use crate::quantity::{Quantity, Range, Role};
use crate::rates::{DISK_MS, WEAR_MS};

const BUS: &str = "/sys/bus/mmc/devices";

pub(super) fn look(search: &mut Search) {
    cards(search);
    for disk in search.tree.list(NVME) {
        nvme(search, &disk);
    }
}

fn cards(search: &mut Search) {
    for card in search.tree.list(BUS) {
        let path = format!("{BUS}/{card}");
        let kind = search
            .tree
            .text(&format!("{path}/type"))
            .unwrap_or_default();
        // SDIO is a radio, not storage.
        if !matches!(kind.as_str(), "SD" | "MMC") {
            continue;
        }
        identity(search, &card, &path, &kind);
        wear(search, &card, &path, &kind);
    }
}

/// The parts of the card identification register that say what it is; its
/// serial number stays out.
fn identity(search: &mut Search, card: &str, path: &str, kind: &str) {
    let text = |name: &str| search.tree.text(&format!("{path}/{name}"));
    let mut words = vec![kind.to_owned()];
    words.extend(text("name"));
    for (file, word) in [
        ("manfid", "manufacturer"),
        ("oemid", "OEM"),
        ("date", "made"),
        ("fwrev", "firmware"),
    ] {
        if let Some(value) = text(file) {
            words.push(format!("{word} {value}"));
        }
    }
    search.fact(
        format!("storage {card}"),
        words.join(", "),
        format!("{path}/cid"),
    );
}

fn wear(search: &mut Search, card: &str, path: &str, kind: &str) {
    // A host has one card: it is known by the host's controller.
    let place = Location::of(search.tree, path).key();
    let place = place.as_deref().unwrap_or(card);
    let name = |card: &str, what: &str| format!("mmc:{card}:{what}");
    let life = format!("{path}/life_time");
    if search.tree.exists(&life) {
        let own = name(place, "life-used");
        let mut draft = Draft::new(
            own.clone(),
            Quantity::Percent,
            Role::SdWear,
            Decode::LifeTime,
        )
        .formerly(name(card, "life-used"))
        .label(format!("{kind} {card}, rated life used"))
        .subject(card)
        // Of two either may be the one that wears out.
        .beside();
        // 110 stands for "more than all of it".
        draft.range = Range {
            min: 0.0,
            max: 110.0,
        };
        search.add(life, own, WEAR_MS, vec![draft]);
    } else {
        search.note(format!("{kind} card {card} does not tell its wear"));
    }
    let reserve = format!("{path}/pre_eol_info");
    if search.tree.exists(&reserve) {
        let own = name(place, "reserve");
        let draft = Draft::new(
            own.clone(),
            Quantity::Count,
            Role::SdReserve,
            Decode::PreEol,
        )
        .formerly(name(card, "reserve"))
        .label(format!(
            "{kind} {card}, reserved blocks (1 normal, 2 warning, 3 urgent)"
        ))
        .subject(card)
        .beside();
        search.add(reserve, own, WEAR_MS, vec![draft]);
    }
}

/// What it is, and whether the kernel has given it up; its temperature is a chip's of hwmon.
fn nvme(search: &mut Search, disk: &str) {
    let path = format!("{NVME}/{disk}");
    let text = |name: &str| search.tree.text(&format!("{path}/{name}"));
    let mut words = vec!["NVMe".to_owned()];
    words.extend(text("model"));
    words.extend(text("firmware_rev").map(|version| format!("firmware {version}")));
    let source = format!("{path}/model");
    search.fact(format!("storage {disk}"), words.join(", "), source);
    let place = Location::of(search.tree, &path).key();
    let place = place.as_deref().unwrap_or(disk);
    said(search, disk, &path, place);
    let state = format!("{path}/state");
    if search.tree.exists(&state) {
        let name = format!("nvme:{place}:failed");
        // Reset in vain: what is mounted from it is gone until the next start.
        let draft = Draft::new(
            name.clone(),
            Quantity::Flag,
            Role::Alarm,
            Decode::Word("dead"),
        );
        let draft = draft.label(format!("NVMe disk {disk} has failed"));
        search.add(state, name, DISK_MS, vec![draft.subject(disk)]);
    }
}

/// What a disk warns of by itself: in its sensor's name, and in words.
const WARNINGS: [(&str, Warning, &str); 4] = [
    (
        "spare-low",
        Warning::Spare,
        ", warning: few spare blocks left",
    ),
    ("unreliable", Warning::Unreliable, ", warning: unreliable"),
    ("read-only", Warning::ReadOnly, ", warning: takes no writes"),
    (
        "backup-failed",
        Warning::Backup,
        ", warning: its memory is lost in a power cut",
    ),
];

/// What it was heard to say of its wear.
fn said(search: &mut Search, disk: &str, path: &str, place: &str) {
    let line = format!("{DISKS}/{disk}");
    if !search.tree.exists(&line) {
        search.note(format!(
            "NVMe disk {disk} was not asked for its wear: `mfg-drone-gateway boards ask-disks` does, as root, and \
             mfg-drone-disks.timer of the package every ten minutes"
        ));
        return;
    }
    let draft = |what: &str, quantity, role, said, label: &str| {
        Draft::new(
            format!("nvme:{place}:{what}"),
            quantity,
            role,
            Decode::Disk(said),
        )
        .label(format!("NVMe disk {disk}{label}"))
        .subject(disk)
    };
    let mut used = draft(
        "life-used",
        Quantity::Percent,
        Role::SdWear,
        Said::Used,
        ", rated life used",
    )
    // Of two either may be the one that wears out.
    .beside();
    used.range = BYTE;
    let spare = draft(
        "spare",
        Quantity::Percent,
        Role::Other,
        Said::Spare,
        ", spare blocks left",
    );
    let mut drafts = vec![used, spare];
    drafts.extend(WARNINGS.map(|(what, warning, label)| {
        draft(
            what,
            Quantity::Flag,
            Role::Alarm,
            Said::Warns(warning),
            label,
        )
    }));
    let identity = format!("nvme {place} said");
    search.add(line.clone(), identity, DISK_MS, drafts);
    let found = search.result.found.last_mut();
    if let Some(found) = found.filter(|found| found.source == line) {
        found.beside = vec!["/proc/uptime".to_owned(), format!("{path}/serial")];
    }
}

/// `percentage_used` is a byte, and goes on beyond what the disk was made for.
const BYTE: Range = Range {
    min: 0.0,
    max: 255.0,
};
