//! What the documents tell people to run, to read and to set is there: scripts and
//! their flags, packages and their programs, filters of tests, benchmarks, settings.
//!
//! A promise whose command runs nothing is kept by nobody, and `cargo test FILTER`
//! says that all is well when no test matches. Nothing is run here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use toml::Table;

use crate::cross_config::{repository, switched_on, text};

/// Folders whose files are named by their path from the root.
const FOLDERS: [&str; 8] = [
    ".ci/",
    "boards/",
    "clients/",
    "deploy/",
    "docs/",
    "firmware-bridge/",
    "gateway/",
    "tests/",
];

#[test]
fn what_the_documents_tell_to_run_is_there() {
    let packages = packages();
    for document in ["SPECIFICATION.md", "CONTRIBUTING.md"] {
        let commands = commands(&text(document));
        assert!(commands.len() > 20, "only {commands:?} found in {document}");
        let wrong: Vec<String> = commands
            .iter()
            .filter_map(|command| Some((command, fault(command, &packages)?)))
            .map(|(command, fault)| format!("`{command}`: {fault}"))
            .collect();
        assert!(wrong.is_empty(), "{document}\n{}", wrong.join("\n"));
    }
}

/// Documents that people read in either language.
const BOTH: [&str; 12] = [
    "README",
    "docs/a-service-that-looks",
    "docs/alerts-to-a-phone",
    "docs/field-guide",
    "docs/first-card",
    "docs/fleet",
    "docs/flight-plans",
    "docs/flying",
    "docs/home-assistant",
    "docs/prometheus-and-grafana",
    "docs/recordings",
    "docs/video-players",
];

#[test]
fn the_japanese_documents_have_every_section_and_command_of_the_english() {
    for name in BOTH {
        let [english, japanese] =
            [".md", ".ja.md"].map(|end| Outline::of(&text(&format!("{name}{end}"))));
        assert_eq!(english.levels, japanese.levels, "{name}: headings");
        assert_eq!(english.commands, japanese.commands, "{name}: commands");
    }
}

/// What two documents of one meaning have in common.
struct Outline {
    /// How deep each heading is.
    levels: Vec<usize>,
    /// Lines to be run or set, without comments; names and languages differ.
    commands: Vec<String>,
}

impl Outline {
    fn of(document: &str) -> Outline {
        let (mut levels, mut commands) = (Vec::new(), Vec::new());
        let mut kind = None;
        for line in document.lines() {
            if let Some(fence) = line.trim_start().strip_prefix("```") {
                kind = kind.is_none().then(|| fence.to_owned());
            } else if kind.is_none() && line.starts_with('#') {
                levels.push(line.chars().take_while(|sign| *sign == '#').count());
            } else if kind
                .as_deref()
                .is_some_and(|kind| ["sh", "toml"].contains(&kind))
            {
                let (code, _) = line.split_once(" # ").unwrap_or((line, ""));
                let code = code.trim();
                let is_told = ["name =", "language ="]
                    .iter()
                    .any(|key| code.starts_with(key));
                if !code.is_empty() && !code.starts_with("# ") && !is_told {
                    commands.push(code.to_owned());
                }
            }
        }
        Outline { levels, commands }
    }
}

#[test]
fn what_is_not_there_is_found() {
    let packages = packages();
    for (command, wanted) in [
        ("deploy/bild", "deploy/bild"),
        ("deploy/build --fast", "--fast"),
        ("cargo test -p stor --lib", "stor"),
        ("cargo test -p store tests::bugdet", "tests::bugdet"),
        (
            "cargo test -p gateway-tests --test suite upstraem",
            "upstraem",
        ),
        ("cargo test -p boards --test no_aloc", "no_aloc"),
        ("cargo run -p gateway-tests --bin crush", "crush"),
        ("bench latencies", "latencies"),
        (".ci/measure paeg", "paeg"),
        ("access.max_kees", "max_kees"),
        ("gateway/crates/access/src/lookout.rs", "lookout"),
    ] {
        let fault = fault(command, &packages).unwrap_or_default();
        assert!(fault.contains(wanted), "{command}: {fault:?}");
    }
}

/// What stands between backticks, and the lines of code blocks without their comments.
fn commands(document: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut in_block = false;
    for line in document.lines() {
        if line.starts_with("```") {
            in_block = !in_block;
        } else if in_block {
            found.push(line.split(" #").next().unwrap_or_default().to_owned());
        } else {
            found.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    found
}

/// What is wrong with a command, a path or a setting. What is none of them is nobody's
/// business here.
fn fault(command: &str, packages: &BTreeMap<String, PathBuf>) -> Option<String> {
    let words: Vec<&str> = command
        .split(|c: char| c.is_whitespace() || "\"$()=".contains(c))
        .filter(|word| !word.is_empty())
        .collect();
    if words.first() == Some(&"bench") {
        let known = text("tests/src/bin/bench/main.rs");
        return missing(&known, words.get(1)?, &|name| format!("\"{name}\" =>"));
    }
    if let ["cargo", verb, rest @ ..] = words.as_slice() {
        return cargo(verb, rest, packages);
    }
    if let [setting] = words.as_slice()
        && let Some(fault) = of_setting(setting)
    {
        return Some(fault);
    }
    of_scripts(&words)
}

/// Placeholders such as `NAME` and `FILE` stand for anything.
fn is_placeholder(word: &str) -> bool {
    !word.bytes().any(|byte| byte.is_ascii_lowercase()) || word.contains('…')
}

fn missing(text: &str, name: &str, written: &dyn Fn(&str) -> String) -> Option<String> {
    let is_there = is_placeholder(name) || text.contains(&written(name));
    (!is_there).then(|| format!("nothing is called {name}"))
}

/// Paths must exist, and a script must know the flags behind it.
fn of_scripts(words: &[&str]) -> Option<String> {
    let mut script = None;
    for word in words {
        let path = word.trim_end_matches([',', '.']);
        if FOLDERS.iter().any(|folder| path.starts_with(folder)) {
            // The version in a path, or a list, stands for several files.
            let whole = !path.contains(['N', '*', '{']) && !path.contains("NNNN");
            if whole && !repository(path).exists() {
                return Some(format!("there is no {path}"));
            }
            let source = std::fs::read_to_string(repository(path));
            script = source.ok().filter(|source| source.starts_with("#!"));
        } else if let Some(script) = &script {
            let flag = word.starts_with("--").then_some(*word);
            // `.ci/measure` and the like take names.
            let name = script.contains("names+=").then_some(*word);
            let fault = flag
                .or(name)
                .map(|word| missing(script, word, &str::to_owned));
            if let Some(fault) = fault.flatten() {
                return Some(fault);
            }
        }
    }
    None
}

/// `section.key`, where there is such a section; `section.*` is all of it.
fn of_setting(word: &str) -> Option<String> {
    let (section, key) = word.split_once('.')?;
    let documented: Table = toml::from_str(&switched_on()).unwrap();
    let keys = documented.get(section)?.as_table()?;
    (key != "*" && !keys.contains_key(key)).then(|| format!("[{section}] has no {key}"))
}

fn cargo(verb: &str, words: &[&str], packages: &BTreeMap<String, PathBuf>) -> Option<String> {
    let value = |flag: &str| {
        let at = words.iter().position(|word| *word == flag)?;
        words.get(at + 1).copied()
    };
    let package = value("-p").unwrap_or("mfg-drone-gateway");
    if is_placeholder(package) {
        return None;
    }
    let Some(dir) = packages.get(package) else {
        return Some(format!("no package is called {package}"));
    };
    let mut target = value("--lib").map(|_| dir.join("src"));
    for (flag, folders) in [
        ("--test", ["tests", "."]),
        ("--bin", ["src/bin", "src"]),
        ("--example", ["examples", "."]),
    ] {
        let Some(name) = value(flag).filter(|name| !is_placeholder(name)) else {
            continue;
        };
        let mut candidates = folders.iter().flat_map(|folder| {
            let folder = dir.join(folder);
            [folder.join(format!("{name}.rs")), folder.join(name)]
        });
        target = candidates.find(|path| path.exists());
        if target.is_none() {
            return Some(format!("{package} has no {flag} {name}"));
        }
    }
    if let Some(feature) = value("--features") {
        let manifest: Table = toml::from_str(&read(&dir.join("Cargo.toml"))).unwrap();
        let features = manifest.get("features").and_then(|f| f.get(feature));
        if features.is_none() {
            return Some(format!("{package} has no feature {feature}"));
        }
    }
    let filter = (verb == "test").then(|| filter(words)).flatten()?;
    let names = tests(&target.unwrap_or_else(|| dir.clone()));
    let matches = names.iter().any(|name| name.contains(filter));
    (!matches).then(|| format!("no test of {package} matches {filter}"))
}

/// The filter among the arguments of `cargo test`.
fn filter<'a>(words: &[&'a str]) -> Option<&'a str> {
    const WITH_VALUE: [&str; 5] = ["-p", "--test", "--bin", "--features", "--profile"];
    let before = words.iter().take_while(|word| **word != "--");
    let mut after_flag = false;
    for word in before {
        let is_value = std::mem::replace(&mut after_flag, WITH_VALUE.contains(word));
        if !is_value && !word.starts_with('-') && !is_placeholder(word) {
            return Some(word);
        }
    }
    None
}

/// Names of the tests below a folder, or in a file, with their modules.
fn tests(target: &Path) -> Vec<String> {
    let root = if target.is_dir() {
        target
    } else {
        target.parent().unwrap()
    };
    let mut names = Vec::new();
    for file in sources(target) {
        let path = file.strip_prefix(root).unwrap().with_extension("");
        let parts = path.iter().map(|part| part.to_string_lossy().into_owned());
        let plain = |part: &String| !["src", "lib", "main", "mod", "tests"].contains(&&**part);
        // `tests` is a module in `src`, and a folder of targets elsewhere.
        let in_source = root.ends_with("src") || path.starts_with("src");
        let mut module: Vec<String> = parts
            .filter(|part| plain(part) || (part == "tests" && in_source))
            .collect();
        let depth = module.len();
        let mut is_test = false;
        for line in read(&file).lines().map(str::trim) {
            is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
            if let Some(inner) = line.strip_prefix("mod ").and_then(|l| l.strip_suffix(" {")) {
                module.truncate(depth);
                module.push(inner.to_owned());
            }
            let Some((_, rest)) = line.split_once("fn ").filter(|_| is_test) else {
                continue;
            };
            is_test = false;
            let name = rest.split('(').next().unwrap_or_default();
            names.push([module.join("::"), name.to_owned()].join("::"));
        }
    }
    names
}

fn read(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// The Rust files below a folder, or the file itself.
fn sources(target: &Path) -> Vec<PathBuf> {
    if target.is_file() {
        return vec![target.to_owned()];
    }
    let entries = std::fs::read_dir(target).unwrap();
    entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| !path.ends_with("target"))
        .filter(|path| path.is_dir() || path.extension().is_some_and(|e| e == "rs"))
        .flat_map(|path| sources(&path))
        .collect()
}

/// Every package of the repository, and where it lies.
fn packages() -> BTreeMap<String, PathBuf> {
    let folders = [
        "gateway",
        "boards",
        "deploy/updater",
        "firmware-bridge",
        "tests",
    ];
    let crates = std::fs::read_dir(repository("gateway/crates")).unwrap();
    folders
        .map(repository)
        .into_iter()
        .chain(crates.map(|entry| entry.unwrap().path()))
        .map(|dir| {
            let manifest: Table = toml::from_str(&read(&dir.join("Cargo.toml"))).unwrap();
            let name = manifest["package"]["name"].as_str().unwrap();
            (name.to_owned(), dir)
        })
        .collect()
}
