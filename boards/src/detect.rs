//! Which board this is, and why we think so.
//!
//! Detection never fails: an unknown board gets a generic profile and an
//! account of what was looked at, because the account is what a user sends when
//! a board is not recognised.

use std::sync::Arc;

use serde::Serialize;

use crate::profile::{Profile, Profiles, Words};
use crate::tree::Tree;

/// Where the device tree is: the link every kernel has, then what it points to.
const DEVICE_TREE: [&str; 2] = ["/proc/device-tree", "/sys/firmware/devicetree/base"];

/// What the board says of itself, and the profile chosen for it.
#[derive(Debug, Clone)]
pub struct Detected {
    /// The device tree's `model`.
    pub model: Option<String>,
    /// The device tree's `compatible`, most specific first.
    pub compatible: Vec<String>,
    /// Vendor and product from DMI, joined by a space.
    pub dmi: Option<String>,
    /// As the kernel names it: `aarch64`, `x86_64`.
    pub architecture: Option<String>,
    /// Kernel release.
    pub kernel: Option<String>,
    /// The profile in use.
    pub profile: Arc<Profile>,
    /// The file the profile came from.
    pub profile_file: String,
    /// How sure the choice is.
    pub confidence: Confidence,
    /// The reasons, one sentence each, in the order they were found.
    pub why: Vec<String>,
    /// Which of its profiles the HATs are chosen from.
    pub(crate) profiles: Arc<Profiles>,
    /// What the user says beside the profile.
    pub(crate) words: Arc<Words>,
}

impl Detected {
    /// What to call the board: by its profile, or as it calls itself where the profile
    /// is one for any board.
    pub fn name(&self) -> String {
        let own = self.model.as_ref().or(self.dmi.as_ref());
        match (self.confidence, own) {
            (Confidence::Unknown | Confidence::Architecture, Some(own)) => own.clone(),
            _ => self.profile.name.clone(),
        }
    }
}

/// How sure the choice of a profile is, best last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// Nothing fitted.
    Unknown,
    /// Only the architecture fits.
    Architecture,
    /// The vendor and product name of the firmware fit.
    Dmi,
    /// The model's name fits.
    Model,
    /// The device tree's `compatible` fits.
    Compatible,
}

/// How well one profile fits; the greatest wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Fit {
    confidence: Confidence,
    /// Within one confidence: earlier `compatible` strings and longer names are
    /// more specific.
    specific: usize,
}

/// Finds out which board a tree is of.
pub fn detect(tree: &Tree, profiles: &Arc<Profiles>) -> Detected {
    let mut found = observe(tree, profiles);
    let best = profiles
        .boards
        .iter()
        .filter_map(|sourced| Some((fit(&sourced.content, &found)?, sourced)))
        // The first of equals: a user's profile stands before a shipped one.
        .reduce(|best, next| if next.0.0 > best.0.0 { next } else { best });
    match best {
        Some(((fit, reason), sourced)) => {
            found.profile = Arc::new(sourced.content.clone());
            found.profile_file = sourced.file.clone();
            found.confidence = fit.confidence;
            found.why.push(format!(
                "{reason}: profile `{}` ({})",
                found.profile.id.as_str(),
                sourced.file
            ));
        }
        None => found
            .why
            .push("no profile fits, not even a generic one".to_owned()),
    }
    found
}

/// What the tree says, before any profile is chosen.
fn observe(tree: &Tree, profiles: &Arc<Profiles>) -> Detected {
    let mut why = Vec::new();
    let base = DEVICE_TREE.into_iter().find(|base| tree.exists(base));
    let model = base.and_then(|base| tree.text(&format!("{base}/model")));
    let compatible = base
        .map(|base| tree.strings(&format!("{base}/compatible")))
        .unwrap_or_default();
    match base {
        Some(base) => {
            why.push(format!("{base}/model says {}", quoted(model.as_deref())));
            why.push(format!(
                "{base}/compatible says {}",
                quoted(Some(&compatible.join(", ")))
            ));
        }
        None => why.push("no device tree".to_owned()),
    }
    let dmi = dmi(tree);
    match &dmi {
        Some(name) => why.push(format!("/sys/class/dmi/id says {}", quoted(Some(name)))),
        None => why.push("no DMI".to_owned()),
    }
    let (architecture, how) = architecture(tree);
    match &architecture {
        Some(name) => why.push(format!("architecture {name}, {how}")),
        None => why.push("architecture unknown".to_owned()),
    }
    Detected {
        model,
        compatible,
        dmi,
        architecture,
        kernel: tree.text("/proc/sys/kernel/osrelease"),
        profile: Arc::new(nothing_known()),
        profile_file: "none".to_owned(),
        confidence: Confidence::Unknown,
        why,
        profiles: Arc::clone(profiles),
        words: Arc::default(),
    }
}

/// A profile that adds nothing, for a caller that loaded no profiles at all.
fn nothing_known() -> Profile {
    toml::from_str("id = \"none\"\nname = \"Unknown board\"\n[match]\n")
        .expect("a literal that fits the schema")
}

fn quoted(text: Option<&str>) -> String {
    match text {
        Some(text) if !text.is_empty() => format!("`{text}`"),
        _ => "nothing".to_owned(),
    }
}

/// Firmware of PCs fills in these when nobody else did.
const PLACEHOLDERS: [&str; 5] = [
    "To Be Filled By O.E.M.",
    "System manufacturer",
    "System Product Name",
    "Default string",
    "Not Specified",
];

fn dmi(tree: &Tree) -> Option<String> {
    let part = |names: [&str; 2]| {
        names
            .iter()
            .filter_map(|name| tree.text(&format!("/sys/class/dmi/id/{name}")))
            .find(|text| !PLACEHOLDERS.contains(&text.as_str()))
    };
    let words = [
        part(["sys_vendor", "board_vendor"]),
        part(["product_name", "board_name"]),
    ];
    let name = words.into_iter().flatten().collect::<Vec<_>>().join(" ");
    (!name.is_empty()).then_some(name)
}

/// The kernel tells its architecture since 6.1; before that the layout of
/// `/proc/cpuinfo` does, and on the running machine the program knows its own.
fn architecture(tree: &Tree) -> (Option<String>, &'static str) {
    if let Some(name) = tree.text("/proc/sys/kernel/arch") {
        return (Some(name), "from /proc/sys/kernel/arch");
    }
    let cpuinfo = tree.text("/proc/cpuinfo").unwrap_or_default();
    let has = |key: &str| {
        cpuinfo
            .lines()
            .any(|line| line.split(':').next().map(str::trim) == Some(key))
    };
    if has("CPU implementer") {
        // 32-bit kernels call the same unit `neon`.
        let wide = cpuinfo
            .lines()
            .any(|l| l.starts_with("Features") && l.split_whitespace().any(|f| f == "asimd"));
        return (
            Some(if wide { "aarch64" } else { "arm" }.to_owned()),
            "from /proc/cpuinfo",
        );
    }
    if has("vendor_id") && has("cpuid level") {
        return (Some("x86_64".to_owned()), "from /proc/cpuinfo");
    }
    if tree.is_live() {
        return (
            Some(std::env::consts::ARCH.to_owned()),
            "as this program was built",
        );
    }
    (None, "")
}

/// Whether a profile fits, how well, and the reason in words.
fn fit(profile: &Profile, seen: &Detected) -> Option<(Fit, String)> {
    let matches = &profile.matches;
    let by = |confidence, specific, reason| {
        Some((
            Fit {
                confidence,
                specific,
            },
            reason,
        ))
    };
    // The list goes from the board to its chip: what stands earlier says more.
    for (place, text) in seen.compatible.iter().enumerate() {
        if matches.compatible.contains(text) {
            let specific = usize::MAX - place;
            return by(
                Confidence::Compatible,
                specific,
                format!("compatible `{text}` is listed"),
            );
        }
    }
    let longest = |starts: &[String], name: &Option<String>| {
        let name = name.as_deref()?;
        starts
            .iter()
            .filter(|s| name.starts_with(s.as_str()))
            .map(String::len)
            .max()
    };
    if let Some(length) = longest(&matches.model, &seen.model) {
        return by(
            Confidence::Model,
            length,
            "the model's name begins as listed".to_owned(),
        );
    }
    if let Some(length) = longest(&matches.dmi, &seen.dmi) {
        return by(
            Confidence::Dmi,
            length,
            "the DMI name begins as listed".to_owned(),
        );
    }
    let architecture = seen.architecture.as_deref().unwrap_or_default();
    if matches.architecture.iter().any(|a| a == architecture) {
        return by(
            Confidence::Architecture,
            0,
            format!("only the architecture {architecture} fits"),
        );
    }
    if matches.architecture.iter().any(|a| a == "any") {
        return by(Confidence::Unknown, 0, "nothing else fits".to_owned());
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::HEADER;

    fn detected(body: &str) -> Detected {
        let tree = Tree::from_manifest(&format!("{HEADER}\n{body}")).expect("tree");
        detect(&tree, &Arc::new(Profiles::embedded()))
    }

    fn compatible(list: &str, model: &str) -> String {
        let found = detected(&format!(
            "/proc/device-tree/compatible = \"{list}\"\n/proc/device-tree/model = \"{model}\\0\"\n"
        ));
        found.profile.id.as_str().to_owned()
    }

    /// `compatible` and `model` as in the kernel's device-tree sources.
    #[test]
    fn every_listed_board_is_known_by_its_device_tree() {
        for (list, model, id) in [
            (
                "raspberrypi,3-model-b\\0brcm,bcm2837\\0",
                "Raspberry Pi 3 Model B Rev 1.2",
                "raspberry-pi-3b",
            ),
            (
                "raspberrypi,3-model-b-plus\\0brcm,bcm2837\\0",
                "Raspberry Pi 3 Model B Plus Rev 1.3",
                "raspberry-pi-3b-plus",
            ),
            (
                "raspberrypi,4-model-b\\0brcm,bcm2711\\0",
                "Raspberry Pi 4 Model B Rev 1.4",
                "raspberry-pi-4b",
            ),
            (
                "raspberrypi,400\\0brcm,bcm2711\\0",
                "Raspberry Pi 400 Rev 1.0",
                "raspberry-pi-400",
            ),
            (
                "raspberrypi,4-compute-module\\0brcm,bcm2711\\0",
                "Raspberry Pi Compute Module 4 Rev 1.0",
                "raspberry-pi-cm4",
            ),
            (
                "raspberrypi,5-model-b\\0brcm,bcm2712\\0",
                "Raspberry Pi 5 Model B Rev 1.0",
                "raspberry-pi-5",
            ),
            (
                "raspberrypi,500\\0brcm,bcm2712\\0",
                "Raspberry Pi 500 Rev 1.0",
                "raspberry-pi-500",
            ),
            (
                "raspberrypi,5-compute-module\\0brcm,bcm2712\\0",
                "Raspberry Pi Compute Module 5 Rev 1.0",
                "raspberry-pi-cm5",
            ),
            (
                "raspberrypi,model-zero-2-w\\0brcm,bcm2837\\0",
                "Raspberry Pi Zero 2 W Rev 1.0",
                "raspberry-pi-zero-2-w",
            ),
            (
                "nvidia,p3450-0000\\0nvidia,tegra210\\0",
                "NVIDIA Jetson Nano Developer Kit",
                "jetson-nano",
            ),
            (
                "nvidia,p3768-0000+p3767-0005\\0nvidia,p3767-0005\\0nvidia,tegra234\\0",
                "NVIDIA Jetson Orin Nano Developer Kit",
                "jetson-orin-nano",
            ),
            (
                "radxa,rock-5b\\0rockchip,rk3588\\0",
                "Radxa ROCK 5B",
                "rock-5b",
            ),
            (
                "xunlong,orangepi-5\\0rockchip,rk3588s\\0",
                "Xunlong Orange Pi 5",
                "orange-pi-5",
            ),
            (
                "beagle,j721e-beagleboneai64\\0ti,j721e\\0",
                "BeagleBoard.org BeagleBone AI-64",
                "beaglebone-ai-64",
            ),
            (
                "khadas,vim3\\0amlogic,a311d\\0amlogic,g12b\\0",
                "Khadas VIM3",
                "khadas-vim3",
            ),
        ] {
            assert_eq!(compatible(list, model), id);
            // An unusual `compatible` still leaves the name.
            assert_eq!(compatible("vendor,own\\0", model), id);
        }
    }

    #[test]
    fn an_unknown_board_is_generic_and_says_what_was_looked_at() {
        let found = detected(
            "/proc/device-tree/model = \"Somebody's Board\\0\"\n\
             /proc/device-tree/compatible = \"somebody,board\\0rockchip,rk3399\\0\"\n\
             /proc/cpuinfo = \"processor\\t: 0\\nFeatures\\t: fp asimd\\nCPU implementer\\t: 0x41\\n\"\n",
        );
        assert_eq!(found.profile.id.as_str(), "generic-arm64");
        assert_eq!(found.confidence, Confidence::Architecture);
        let why = found.why.join("\n");
        assert!(
            why.contains("Somebody's Board") && why.contains("somebody,board"),
            "{why}"
        );
    }

    #[test]
    fn an_empty_tree_is_an_unknown_board() {
        let found = detected("");
        assert_eq!(found.profile.id.as_str(), "generic");
        assert_eq!(found.confidence, Confidence::Unknown);
    }

    #[test]
    fn placeholders_of_a_bios_are_no_name() {
        let found = detected(
            "/sys/class/dmi/id/sys_vendor = \"To Be Filled By O.E.M.\\n\"\n\
             /sys/class/dmi/id/board_vendor = \"ASRock\\n\"\n\
             /sys/class/dmi/id/product_name = \"N100M\\n\"\n\
             /proc/sys/kernel/arch = \"x86_64\\n\"\n",
        );
        assert_eq!(found.dmi.as_deref(), Some("ASRock N100M"));
        assert_eq!(found.profile.id.as_str(), "generic-x86");
    }

    #[test]
    fn a_users_profile_wins_over_a_shipped_one() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let text =
            "id = \"mine\"\nname = \"Mine\"\n[match]\ncompatible = [\"raspberrypi,4-model-b\"]\n";
        std::fs::write(dir.path().join("mine.toml"), text).expect("file");
        let tree = Tree::from_manifest(&format!(
            "{HEADER}\n/proc/device-tree/compatible = \"raspberrypi,4-model-b\\0\"\n"
        ))
        .expect("tree");
        let found = detect(&tree, &Arc::new(Profiles::load(dir.path())));
        assert_eq!(found.profile.id.as_str(), "mine");
    }
}
