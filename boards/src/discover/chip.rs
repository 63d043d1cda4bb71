//! A chip of hwmon or of the industrial I/O bus, with what a profile says of it.
//!
//! All chips are opened before any is looked at, because a description that fits two
//! of them must be applied to neither: which one is meant would depend on which came
//! first at this boot.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::{CONFIGURATION, Known, Search};
use crate::location::Location;
use crate::profile::Channel;
use crate::tree::Tree;

/// One `hwmonN` or `iio:deviceN`.
#[derive(Debug)]
pub(crate) struct Chip {
    pub(super) path: String,
    /// As its driver says: `ina219`.
    pub(super) name: String,
    /// The same with where it is, where that is needed: `ina219@1-0040`.
    pub(super) qualified: String,
    pub(super) location: Location,
    pub(super) files: BTreeSet<String>,
}

impl Chip {
    pub(super) fn open(tree: &Tree, class: &str, entry: &str) -> Option<Chip> {
        let own = format!("{class}/{entry}");
        let location = Location::of(tree, &own);
        let mut path = own;
        // Drivers older than 2013 put their attributes one level down.
        if !tree.exists(&format!("{path}/name")) && tree.exists(&format!("{path}/device/name")) {
            path.push_str("/device");
        }
        let name = tree.text(&format!("{path}/name"));
        // An I/O device without a name is known by its number only.
        let name = name.or_else(|| entry.starts_with("iio:").then(|| entry.to_owned()))?;
        Some(Chip {
            qualified: location.qualify(&uncounted(&name)),
            files: tree.list(&path).into_iter().collect(),
            path,
            name,
            location,
        })
    }

    /// In an order that does not follow their numbers: who of two takes a role, and
    /// which of two that cannot be told apart is `#2`, must not depend on the boot.
    pub(super) fn sorted(mut chips: Vec<Chip>) -> Vec<Chip> {
        chips.sort_by(|a, b| a.qualified.cmp(&b.qualified));
        chips
    }

    /// For people: `ina219 at 1-0040`.
    pub(super) fn described(&self) -> String {
        match self.location.device() {
            "" => format!("{} ({})", self.name, self.path),
            device => format!("{} at {device}", self.name),
        }
    }

    /// The driver's name of a channel: `in1_label`, `in_voltage0_label`.
    pub(super) fn label(&self, tree: &Tree, stem: &str) -> Option<String> {
        tree.text(&format!("{}/{stem}_label", self.path))
    }

    /// Whether a profile's words are about this chip.
    fn is_meant_by(&self, tree: &Tree, words: &Channel) -> bool {
        self.name == words.chip
            && self.location.is_at(
                words.address.as_ref().map(|address| address.as_str()),
                words.device.as_deref(),
            )
            && match (&words.channel, &words.label) {
                (Some(channel), _) => self.has(channel),
                (None, Some(label)) => self.is_labelled(tree, label),
                (None, None) => true,
            }
    }

    fn has(&self, channel: &str) -> bool {
        self.files.iter().any(|file| {
            let file = file
                .strip_prefix("in_")
                .filter(|_| !channel.starts_with("in_"))
                .unwrap_or(file);
            file.strip_prefix(channel)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
        })
    }

    fn is_labelled(&self, tree: &Tree, label: &str) -> bool {
        let mut labels = self
            .files
            .iter()
            .filter_map(|file| file.strip_suffix("_label"));
        labels.any(|stem| self.label(tree, stem).as_deref() == Some(label))
    }
}

/// Wi-Fi drivers count the radios there ever were (`mt7921_phy3`): each is the first of
/// its place, or it would be another one after every reload of its driver.
fn uncounted(name: &str) -> Cow<'_, str> {
    match name.rsplit_once("_phy") {
        Some((driver, number)) if number.bytes().all(|b| b.is_ascii_digit()) => {
            format!("{driver}_phy0").into()
        }
        _ => name.into(),
    }
}

/// The descriptions that fit two chips, by their place in the profile, and what is said
/// of each. They are applied to neither.
pub(super) fn ambiguous<'a>(
    search: &Search,
    chips: impl Iterator<Item = &'a Chip> + Clone,
) -> Vec<(usize, String)> {
    let words = search.described().enumerate();
    words
        .filter_map(|(place, (file, words))| {
            // To leave a kind of chip out is to leave all of them out.
            if words.ignore {
                return None;
            }
            let mut meant = chips.clone().filter(|chip| chip.is_meant_by(search.tree, words));
            let (first, second) = (meant.next()?, meant.next()?);
            let of = match file == CONFIGURATION {
                true => "[[board.sensor]]".to_owned(),
                false => format!("{file}: [[sensor]]"),
            };
            let what = words.channel.as_deref().or(words.label.as_deref());
            let what = what.map_or_else(String::new, |what| format!(" {what}"));
            Some((
                place,
                format!(
                    "{of} {}{what} fits {} and {}, so it is applied to neither: add `address` or `device`",
                    words.chip,
                    first.described(),
                    second.described(),
                ),
            ))
        })
        .collect()
}

/// What is said of one channel of a chip, the user's words first.
pub(super) fn known(search: &Search, chip: &Chip, channel: &str, label: Option<&str>) -> Known {
    let mut known = Known::default();
    for (place, (_, words)) in search.described().enumerate() {
        let is_channel = match (&words.channel, &words.label) {
            (Some(wanted), _) => wanted == channel,
            (None, Some(wanted)) => label == Some(wanted),
            (None, None) => true,
        };
        if is_channel
            && !search.refused_words.contains(&place)
            && chip.is_meant_by(search.tree, words)
        {
            known.add(words);
        }
    }
    known
}
