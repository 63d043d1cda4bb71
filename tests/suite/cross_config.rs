//! The files that `cross` and the boards read: mistakes there show only on
//! somebody else's machine, so they are read here as strictly as possible.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use gateway_tests::gateway::binary;
use serde::Deserialize;

/// The keys of cross 0.2.5 (`src/cross_toml.rs`, <https://docs.rs/crate/cross/0.2.5>).
/// cross only warns of keys that it does not know; here they are refused. Its own parser,
/// which takes a minute to compile, is asked by `deploy/check-cross`.
mod cross {
    #![allow(dead_code, reason = "the shape is what is tested")]

    use super::{BTreeMap, Deserialize};

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    pub(super) struct File {
        pub(super) build: Build,
        pub(super) target: BTreeMap<String, Target>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "kebab-case")]
    pub(super) struct Build {
        #[serde(default)]
        pub(super) env: Env,
        xargo: Option<bool>,
        build_std: Option<bool>,
        pub(super) default_target: Option<String>,
        pre_build: Option<OneOrMany>,
        dockerfile: Option<Dockerfile>,
    }

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields, rename_all = "kebab-case")]
    pub(super) struct Target {
        xargo: Option<bool>,
        build_std: Option<bool>,
        image: Option<String>,
        dockerfile: Option<Dockerfile>,
        pre_build: Option<OneOrMany>,
        runner: Option<String>,
        #[serde(default)]
        pub(super) env: Env,
    }

    #[derive(Default, Deserialize)]
    #[serde(deny_unknown_fields)]
    pub(super) struct Env {
        volumes: Option<Vec<String>>,
        pub(super) passthrough: Option<Vec<String>>,
    }

    #[derive(Deserialize)]
    #[serde(untagged)]
    pub(super) enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }

    #[derive(Deserialize)]
    #[serde(untagged)]
    pub(super) enum Dockerfile {
        Path(String),
        Table {
            file: String,
            context: Option<String>,
            build_args: Option<BTreeMap<String, String>>,
        },
    }
}

const BOARD: &str = "aarch64-unknown-linux-gnu";

pub(crate) fn repository(path: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "..", path].iter().collect()
}

pub(crate) fn text(path: &str) -> String {
    let file = repository(path);
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

#[test]
fn cross_knows_every_key_of_its_configuration() {
    let file: cross::File = toml::from_str(&text("cross.toml")).unwrap();
    assert_eq!(file.build.default_target.as_deref(), Some(BOARD));
    assert_eq!(
        file.target.keys().collect::<Vec<_>>(),
        [BOARD],
        "a target that nobody builds"
    );
}

#[test]
fn a_key_that_cross_does_not_know_is_refused() {
    let misspelt = text("cross.toml").replace("default-target", "default_target");
    assert!(toml::from_str::<cross::File>(&misspelt).is_err());
}

#[test]
fn cross_and_deploy_build_compile_c_alike() {
    let file: cross::File = toml::from_str(&text("cross.toml")).unwrap();
    let passed = file.target[BOARD]
        .env
        .passthrough
        .as_deref()
        .unwrap_or_default();
    let flags = passed
        .iter()
        .find_map(|entry| entry.strip_prefix("CFLAGS_aarch64_unknown_linux_gnu="))
        .unwrap();
    assert!(
        text("deploy/build").contains(&format!("={flags} ")),
        "deploy/build does not pass {flags}"
    );
}

#[test]
fn nothing_chooses_a_processor_that_some_boards_are_not() {
    for path in ["cross.toml", "deploy/build", "Cargo.toml"] {
        let text = text(path);
        let code = text
            .lines()
            .filter(|line| !line.trim_start().starts_with('#'));
        assert_eq!(
            code.filter(|line| line.contains("target-cpu"))
                .collect::<Vec<_>>(),
            Vec::<&str>::new(),
            "{path}"
        );
    }
}

#[test]
fn every_way_to_a_program_for_boards_builds_what_is_shipped() {
    let manifest: toml::Table = toml::from_str(&text("Cargo.toml")).unwrap();
    let ship = &manifest["profile"]["ship"];
    assert_eq!(ship["opt-level"].as_integer(), Some(3));
    assert_eq!(ship["lto"].as_str(), Some("fat"));
    // A panic in one connection must not end the process.
    assert_eq!(ship["panic"].as_str(), Some("unwind"));
    for path in ["cross.toml", "README.md", "README.ja.md"] {
        let command = format!("cross build --profile ship --target {BOARD}");
        assert!(text(path).contains(&command), "{path}");
    }
    for path in ["deploy/build", "deploy/test-cross"] {
        let text = text(path);
        assert!(text.contains("--profile ship"), "{path}");
        assert!(!text.contains("--release"), "{path}");
    }
}

const EXAMPLE: &str = "deploy/deb/gateway.toml";

/// The example with its settings switched on. Prose starts with `# ` and a
/// capital or a quote; settings are `#key = …` and `#[section]`, without a space.
pub(crate) fn switched_on() -> String {
    text(EXAMPLE)
        .lines()
        .map(|line| match line.strip_prefix('#') {
            // (`#:` is for editors.)
            Some(setting) if !setting.starts_with([' ', '#', ':']) => setting,
            _ => line,
        })
        .map(|line| format!("{line}\n"))
        .collect()
}

#[test]
fn the_gateway_accepts_every_setting_of_the_example() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("gateway.toml");
    std::fs::write(&file, switched_on()).unwrap();
    let output = Command::new(binary())
        .args(["rules", "check"])
        .arg(&file)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// The source of every section: the gateway's own, and those of its crates.
fn sections() -> Vec<String> {
    // What is beside the sections, and `[[alerts.rule]]`, whose keys have other names.
    let others = [
        "id",
        "limits",
        "load",
        "packed",
        "place",
        "ranges",
        "reload",
        "rule",
        "schema_tests",
        "shown",
        "validate",
        "validate_drones",
    ];
    let files = |dir: &str| {
        let entries = std::fs::read_dir(repository(dir)).unwrap();
        entries.map(|entry| entry.unwrap().path())
    };
    let own = files("gateway/src/config").filter(|path| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        !others.contains(&name.as_str())
    });
    let crates = files("gateway/crates").map(|dir| dir.join("src/config.rs"));
    own.chain(crates.filter(|path| path.exists()))
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect()
}

#[test]
fn the_example_names_every_setting() {
    // The structures are the one description of the configuration.
    let source = sections().concat();
    let fields: BTreeSet<&str> = source
        .lines()
        .filter_map(|line| line.strip_prefix("    pub ")?.split_once(':'))
        .map(|(name, _)| name)
        .filter(|name| !name.contains(' ')) // a function
        .filter(|name| !["alert_type"].contains(name)) // written `type`
        .collect();
    assert!(
        fields.len() > 60,
        "{} fields found: has the source changed its shape?",
        fields.len()
    );
    let example = switched_on();
    let named = |field: &&str| {
        let is = |line: &str| {
            let line = line.trim_start_matches(['[', '#', ' ']);
            line.strip_prefix(*field)
                .is_some_and(|rest| rest.trim_start().starts_with(['=', ']']))
                || line
                    .split_once('.')
                    .is_some_and(|(_, rest)| rest.trim_end_matches(']') == *field)
        };
        example.lines().any(is)
    };
    let missing: Vec<_> = fields.iter().filter(|field| !named(field)).collect();
    assert!(missing.is_empty(), "{EXAMPLE} does not name {missing:?}");
}
