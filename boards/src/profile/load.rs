//! Reading profiles: those compiled in and those of the user.
//!
//! A user's broken file is refused as a whole and named with its line, and the
//! rest goes on: a typing error must not take the sensors of a board away.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use super::{Channel, Hat, Profile};

/// The largest profile read; the largest shipped is 3 KiB.
const MAX_PROFILE_BYTES: u64 = 64 * 1024;

/// Files read from a user's directory.
const MAX_USER_PROFILES: usize = 256;

macro_rules! embedded {
    ($($file:literal),* $(,)?) => {
        &[$(($file, include_str!(concat!("../../profiles/", $file)))),*]
    };
}

/// Compiled-in boards. The schema test holds this list against the folder.
pub(super) const BOARDS: &[(&str, &str)] = embedded![
    "raspberry-pi-3b.toml",
    "raspberry-pi-3b-plus.toml",
    "raspberry-pi-4b.toml",
    "raspberry-pi-400.toml",
    "raspberry-pi-cm4.toml",
    "raspberry-pi-5.toml",
    "raspberry-pi-500.toml",
    "raspberry-pi-cm5.toml",
    "raspberry-pi-zero-2-w.toml",
    "jetson-nano.toml",
    "jetson-orin-nano.toml",
    "rock-5b.toml",
    "orange-pi-5.toml",
    "beaglebone-ai-64.toml",
    "khadas-vim3.toml",
    "generic-arm64.toml",
    "generic-x86.toml",
    "generic.toml",
];

/// Compiled-in UPS HATs.
pub(super) const HATS: &[(&str, &str)] = embedded![
    "hats/geekworm-x728.toml",
    "hats/waveshare-ups-hat.toml",
    "hats/waveshare-ups-hat-c.toml",
    "hats/waveshare-ups-module-3s.toml",
];

/// A profile that was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}{}: {reason}", line.map(|n| format!(":{n}")).unwrap_or_default())]
pub struct ProfileError {
    /// Which file.
    pub file: String,
    /// Where in it, counted from 1.
    pub line: Option<usize>,
    /// What is wrong with it.
    pub reason: String,
}

/// Something with the file it came from.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sourced<T> {
    pub(crate) file: String,
    pub(crate) content: T,
}

/// Every profile there is to choose from, the user's before those compiled in.
#[derive(Debug, Clone, Default)]
pub struct Profiles {
    pub(crate) boards: Vec<Sourced<Profile>>,
    pub(crate) hats: Vec<Sourced<Hat>>,
    problems: Vec<ProfileError>,
}

impl Profiles {
    /// Only those compiled in.
    pub fn embedded() -> Self {
        let mut profiles = Profiles::default();
        profiles.add_embedded();
        profiles
    }

    /// A user's `*.toml` and `hats/*.toml` in front of those compiled in, so
    /// that the user's wins where both fit. A missing directory holds none.
    pub fn load(dir: &Path) -> Self {
        let mut profiles = Profiles::default();
        for (file, text) in profiles.user_files(dir) {
            profiles.add_board(file, &text);
        }
        for (file, text) in profiles.user_files(&dir.join("hats")) {
            profiles.add_hat(file, &text);
        }
        profiles.add_embedded();
        profiles
    }

    /// Files that were refused, and why.
    pub fn problems(&self) -> &[ProfileError] {
        &self.problems
    }

    /// The boards there are profiles for.
    pub fn boards(&self) -> impl Iterator<Item = &Profile> {
        self.boards.iter().map(|sourced| &sourced.content)
    }

    /// The UPS HATs there are profiles for.
    pub fn hats(&self) -> impl Iterator<Item = &Hat> {
        self.hats.iter().map(|sourced| &sourced.content)
    }

    fn add_embedded(&mut self) {
        for (file, text) in BOARDS {
            self.add_board((*file).to_owned(), text);
        }
        for (file, text) in HATS {
            self.add_hat((*file).to_owned(), text);
        }
    }

    fn add_board(&mut self, file: String, text: &str) {
        let parsed = parse(&file, text).and_then(|profile: Profile| {
            let wrong = profile.sensors.iter().find_map(|words| words.check().err());
            wrong.map_or(Ok(profile), |reason| {
                Err(ProfileError {
                    file: file.clone(),
                    line: None,
                    reason: reason.to_owned(),
                })
            })
        });
        // One description that is wrong takes no board from its sensors.
        let parsed =
            parsed.or_else(|problem| self.without_wrong_sensors(&file, text).ok_or(problem));
        match parsed {
            Ok(content) => self.boards.push(Sourced { file, content }),
            Err(problem) => self.problems.push(problem),
        }
    }

    /// The profile without the `[[sensor]]`s that cannot be read, each of which is a
    /// problem; nothing where more than they is wrong.
    fn without_wrong_sensors(&mut self, file: &str, text: &str) -> Option<Profile> {
        let mut table: toml::Table = toml::from_str(text).ok()?;
        let toml::Value::Array(sensors) = table.remove("sensor")? else {
            return None;
        };
        let mut profile = table.try_into::<Profile>().ok()?;
        let mut problems = Vec::new();
        for (at, sensor) in sensors.into_iter().enumerate() {
            let channel: Result<Channel, _> = sensor.try_into();
            let channel = channel.map_err(|error| error.message().to_owned());
            match channel.and_then(|c| c.check().map(|()| c).map_err(str::to_owned)) {
                Ok(channel) => profile.sensors.push(channel),
                Err(reason) => problems.push(ProfileError {
                    file: file.to_owned(),
                    line: line_of_sensor(text, at),
                    reason,
                }),
            }
        }
        self.problems.extend(problems);
        Some(profile)
    }

    fn add_hat(&mut self, file: String, text: &str) {
        match parse(&file, text) {
            Ok(content) => self.hats.push(Sourced { file, content }),
            Err(problem) => self.problems.push(problem),
        }
    }

    fn user_files(&mut self, dir: &Path) -> Vec<(String, String)> {
        let mut files = Vec::new();
        for path in toml_files(dir) {
            let file = path.display().to_string();
            match read_limited(&path) {
                Ok(text) => files.push((file, text)),
                Err(error) => self.problems.push(ProfileError {
                    file,
                    line: None,
                    reason: error.to_string(),
                }),
            }
        }
        files
    }
}

fn toml_files(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|e| e == "toml") && path.is_file())
        .take(MAX_USER_PROFILES)
        .collect();
    files.sort();
    files
}

fn read_limited(path: &Path) -> io::Result<String> {
    if fs::metadata(path)?.len() > MAX_PROFILE_BYTES {
        return Err(io::Error::other("larger than 64 KiB"));
    }
    fs::read_to_string(path)
}

fn parse<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, ProfileError> {
    toml::from_str(text).map_err(|error| ProfileError {
        file: file.to_owned(),
        line: error.span().map(|span| line_of(text, span.start)),
        reason: error.message().to_owned(),
    })
}

/// Where the description stands, as people write them.
fn line_of_sensor(text: &str, at: usize) -> Option<usize> {
    let lines = text.lines().enumerate();
    let mut headings = lines.filter(|(_, line)| line.trim_start().starts_with("[[sensor]]"));
    headings.nth(at).map(|(number, _)| number + 1)
}

fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset.min(text.len())]
        .iter()
        .filter(|b| **b == b'\n')
        .count()
        + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_shipped_profile_fits_the_schema() {
        let profiles = Profiles::embedded();
        assert_eq!(profiles.problems(), []);
        let mut ids = HashSet::new();
        for sourced in &profiles.boards {
            let profile = &sourced.content;
            assert_eq!(sourced.file, format!("{}.toml", profile.id.as_str()));
            assert!(ids.insert(profile.id.clone()), "{} twice", sourced.file);
            let generic = profile.id.as_str().starts_with("generic");
            assert_eq!(
                profile.matches.architecture.is_empty(),
                !generic,
                "{}",
                sourced.file
            );
            // What the issue of a board in the field needs first.
            if !generic {
                assert!(
                    !profile.thermal.soc_zones.is_empty(),
                    "{}: soc_zones",
                    sourced.file
                );
                assert!(
                    profile.thermal.critical_c.is_some(),
                    "{}: critical_c",
                    sourced.file
                );
                assert!(profile.watchdog.is_some(), "{}: watchdog", sourced.file);
                assert!(!profile.uarts.is_empty(), "{}: uart", sourced.file);
                assert!(profile.power.is_some(), "{}: power", sourced.file);
            }
        }
        for sourced in &profiles.hats {
            assert_eq!(
                sourced.file,
                format!("hats/{}.toml", sourced.content.id.as_str())
            );
        }
    }

    #[test]
    fn no_two_profiles_claim_the_same_board() {
        let mut seen = HashSet::new();
        for profile in Profiles::embedded().boards() {
            for compatible in &profile.matches.compatible {
                assert!(seen.insert(compatible.clone()), "{compatible} twice");
            }
        }
    }

    #[test]
    fn the_folder_and_the_list_agree() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("profiles");
        let names = |dir: &Path| -> HashSet<String> {
            toml_files(dir)
                .iter()
                .map(|p| {
                    p.strip_prefix(&folder)
                        .expect("inside")
                        .display()
                        .to_string()
                })
                .collect()
        };
        let listed = |list: &[(&str, &str)]| list.iter().map(|(f, _)| (*f).to_owned()).collect();
        assert_eq!(names(&folder), listed(BOARDS));
        assert_eq!(names(&folder.join("hats")), listed(HATS));
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let text =
            "id = \"x\"\nname = \"X\"\n[match]\ncompatible = [\"a,b\"]\n[thermal]\nsoc_zone = []\n";
        fs::write(dir.path().join("x.toml"), text).expect("file");
        let profiles = Profiles::load(dir.path());
        let [problem] = profiles.problems() else {
            panic!("one problem: {:?}", profiles.problems());
        };
        assert_eq!(problem.line, Some(6));
        assert!(problem.file.ends_with("x.toml"));
        assert!(problem.reason.contains("soc_zone"), "{}", problem.reason);
        // The others are still there.
        assert_eq!(profiles.boards.len(), BOARDS.len());
    }

    #[test]
    fn one_wrong_description_is_refused_alone() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let text = "id = \"x\"\nname = \"X\"\n[match]\ncompatible = [\"a,b\"]\n\
            [[sensor]]\nchip = \"a\"\nchannel = \"in1\"\nrole = \"voltage\"\n\
            [[sensor]]\nchip = \"b\"\nchannel = \"in1\"\nrole = \"nonsense\"\n\
            [[sensor]]\nchip = \"c\"\n";
        fs::write(dir.path().join("x.toml"), text).expect("file");
        let profiles = Profiles::load(dir.path());
        let lines: Vec<_> = profiles.problems().iter().map(|p| p.line).collect();
        assert_eq!(lines, [Some(9), Some(13)], "{:?}", profiles.problems());
        let chips: Vec<&str> = profiles.boards[0]
            .content
            .sensors
            .iter()
            .map(|s| s.chip.as_str())
            .collect();
        assert_eq!(chips, ["a"]);
    }

    #[test]
    fn values_are_checked_where_they_stand() {
        for (text, reason) in [
            ("id = \"Not An Id\"\nname = \"X\"\n[match]\n", "lower-case"),
            (
                "id = \"x\"\nname = \"X\"\n[match]\n[watchdog]\ndevice = \"dev\"\n",
                "begins with",
            ),
            (
                "id = \"x\"\nname = \"X\"\n[match]\n[[sensor]]\nchip = \"c\"\nchannel = \"in1\"\nrole = \"nonsense\"\n",
                "nonsense",
            ),
        ] {
            let error = parse::<Profile>("x.toml", text).expect_err(reason);
            assert!(
                error.reason.contains(reason) && error.line.is_some(),
                "{error}"
            );
        }
    }
}
