//! Which chip or power supply is a UPS HAT: these boards carry no identification of their
//! own but a chip and its address.

use super::Search;
use super::chip::Chip;
use crate::location::Location;
use crate::profile::{Hat, Id};

/// HATs are told apart by the chip and its address: `1-0042` is bus 1, address 0x42.
pub(super) fn hat_of(search: &Search, chip: &str, location: &Location) -> Option<Hat> {
    let is_meant = |hat: &&Hat| {
        let matches = &hat.matches;
        matches.chip == chip
            && location.is_at(Some(matches.address.as_str()), matches.device.as_deref())
    };
    search.detected.profiles.hats().find(is_meant).cloned()
}

/// HATs that two chips could be: which one is it?
pub(super) fn ambiguous(search: &Search, chips: &[Chip]) -> Vec<(Id, String)> {
    let mut said = Vec::new();
    for (at, chip) in chips.iter().enumerate() {
        let Some(hat) = hat_of(search, &chip.name, &chip.location) else {
            continue;
        };
        let is_same = |other: &&Chip| {
            hat_of(search, &other.name, &other.location).is_some_and(|of| of.id == hat.id)
        };
        let mut others = chips[at + 1..].iter();
        if let Some(other) = others.find(is_same) {
            let why = format!(
                "{} fits {} and {}, so neither is it: say in a HAT profile of your own by `device` which one is",
                hat.name,
                chip.described(),
                other.described()
            );
            said.push((hat.id, why));
        }
    }
    said
}
