//! Gauges that count energy or charge and leave the division to their reader, and which of
//! two that contradict each other counts.
//!
//! The class shows what the hardware measures (`Documentation/power/power_supply_class.rst`,
//! "Should I calculate percentage capacity manually, inside the driver?": "most likely,
//! no"), so:
//!
//! * `capacity`, where there is one, is the gauge's own word and counts: it knows its
//!   reserve, the load and the cold, which no division does;
//! * without it, `energy_now` counts before `charge_now`: energy is what runs the board,
//!   and a charge is worth less of it as the voltage falls. The kernel's own reader of the
//!   class (`apm_power.c`) asks in that order, takes `…_full` before `…_full_design`, and
//!   allows for `…_empty`;
//! * far apart, one of them is made up, and nobody knows which: then the charge is unknown,
//!   which is a fault that is told ([`GateKind::Counted`](crate::gate::GateKind)). Only by
//!   what the gauge has learned: an old battery holds half of what it was made for.

use super::{Search, Supply};
use crate::decode::Decode;

/// In the order in which they count.
const COUNTED: [&str; 2] = ["energy", "charge"];

/// True where the charge is known, by that or by the gauge itself.
pub(super) fn look(search: &mut Search, supply: &Supply) -> bool {
    if !supply.battery || search.tree.exists(&supply.file("capacity")) {
        return true;
    }
    let Some(files) = told(search, supply).next() else {
        return false;
    };
    let [source, beside @ ..] = files.as_slice() else {
        return false;
    };
    let draft = supply
        .charge("charge", Decode::Share)
        .label(format!("{}, charge", supply.label));
    supply.add(search, source, draft);
    let last = search.result.found.last_mut();
    if let Some(found) = last.filter(|found| found.source == supply.file(source)) {
        // Another battery in the same place holds more, or less: they are read anew with
        // each sample.
        found.beside = beside.to_vec();
    }
    true
}

/// What is read while a `capacity` that is there has never been read: what would be, were
/// it not there.
pub(super) fn instead(search: &Search, supply: &Supply) -> Vec<Vec<String>> {
    let level = "capacity_level".to_owned();
    let level = search.tree.is_file(&supply.file(&level)).then_some(level);
    told(search, supply)
        .chain(level.map(|level| vec![level]))
        .collect()
}

/// The files of each amount that the gauge tells, as `percent_left` takes them.
fn told(search: &Search, supply: &Supply) -> impl Iterator<Item = Vec<String>> {
    COUNTED.into_iter().filter_map(|what| {
        let file = |part: &str| format!("{what}_{part}");
        let exists = |part: &str| search.tree.exists(&supply.file(&file(part)));
        let amount = ["now", "avg"].into_iter().find(|part| exists(part))?;
        let is_known = exists("full") || exists("full_design");
        is_known.then(|| [amount, "full", "full_design", "empty"].map(file).into())
    })
}

/// The files that a charge, read from `file`, must not contradict.
pub(super) fn counted(search: &Search, supply: &Supply, file: &str) -> Vec<String> {
    let is_other = |what: &&str| !file.starts_with(*what);
    let has_both = |what: &&str| {
        ["now", "full"].iter().all(|part| {
            let file = supply.file(&format!("{what}_{part}"));
            search.tree.is_file(&file)
        })
    };
    let all = COUNTED.into_iter().filter(is_other).filter(has_both);
    all.map(|what| supply.file(&format!("{what}_now")))
        .collect()
}
