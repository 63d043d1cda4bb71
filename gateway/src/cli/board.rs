//! `boards`: what was detected and why, every sensor with its value, the drones
//! behind it and the rules that watch it.

use std::fs::OpenOptions;
use std::path::Path;

use anyhow::Context as _;
use boards::{Board, Report, Role, SensorReport, Tree};

use super::args::{BoardsArgs, BoardsCommand};
use crate::config::Config;
use crate::sources::board::{drone_interfaces, is_watched, metric_of, open_tree};
use alerting::Rule;
use readings::BOARD_SENSOR_PREFIX;

pub(super) fn boards(args: &BoardsArgs) -> anyhow::Result<()> {
    if let Some(BoardsCommand::AskDisks) = &args.command {
        // Root's own errand: it has no business with the gateway's settings.
        return ask_disks(args.tree.as_deref().unwrap_or(Path::new("/")));
    }
    let mut config = configuration(args)?;
    if let Some(profiles) = &args.profiles {
        config.board.profiles.clone_from(profiles);
    }
    let root = args.tree.as_deref().unwrap_or(&config.board.root);
    if let Some(BoardsCommand::Capture { file }) = &args.command {
        return capture(root, file);
    }
    let mut board = open_tree(root, &config.board)?;
    board.sample(0, &mut |_, _| {});
    let mut report = board.report(0);
    name_drones(&mut report, &board, &config);
    name_blindness(&mut report);
    name_rules(&mut report, &board, &config)?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{report}");
    }
    Ok(())
}

/// A configuration that was asked for must be sound. Without one, which sensors
/// there are can be shown all the same.
fn configuration(args: &BoardsArgs) -> anyhow::Result<Config> {
    match super::load(&args.config) {
        Ok(loaded) => Ok(loaded.config),
        Err(error) if args.config.config.is_some() => Err(error.into()),
        Err(error) => {
            eprintln!("as without a configuration, because it cannot be used: {error}");
            Ok(Config::default())
        }
    }
}

/// Says at each interface which drone is behind it, and which interface is missing.
fn name_drones(report: &mut Report, board: &Board, config: &Config) {
    for drone in &config.drones.drone {
        let Some(interface) = &drone.interface else {
            continue;
        };
        let mut found = false;
        for (sensor, shown) in board.sensors().all().iter().zip(&mut report.sensors) {
            if sensor.subject.as_ref() == Some(interface) {
                shown.label.push_str(&format!(", to drone {}", drone.id));
                found = true;
            }
        }
        if !found {
            report.notes.push(format!(
                "{interface}, the interface of drone {}, is not there",
                drone.id
            ));
        }
    }
}

/// Says that a Raspberry Pi's undervoltage, its most frequent fault in the field, would
/// not be seen: a rule without readings is silent, which looks like a good supply.
fn name_blindness(report: &mut Report) {
    let seen = |sensor: &SensorReport| sensor.role == Role::Undervoltage;
    if report.board.id.starts_with("raspberry-pi") && !report.sensors.iter().any(seen) {
        let note = "undervoltage is not seen: this kernel passes on nothing of what the board's firmware knows of the \
                    supply (it has no raspberrypi_hwmon); a red light that goes out says it";
        report.notes.push(note.to_owned());
    }
}

/// Fills in the column that the `boards` crate cannot know.
fn name_rules(report: &mut Report, board: &Board, config: &Config) -> anyhow::Result<()> {
    let views = super::rules::in_effect(config, Some(board))?;
    let rules = views.iter().map(|view| &*view.rule);
    let rules: Vec<&Rule> = rules.filter(|rule| rule.enabled).collect();
    let of_board = |rule: &Rule| {
        let source = rule.source.as_deref();
        source.is_none_or(|source| source == readings::BOARD)
    };
    // A rule that names a sensor by an old name means it as well.
    let names = |rule: &Rule, name: &str| {
        let source = rule.source.as_deref();
        let named = source.and_then(|source| source.strip_prefix(BOARD_SENSOR_PREFIX));
        let found = named.and_then(|named| board.sensors().find(named).ok());
        found.is_some_and(|index| board.sensors().sensor(index).name == name)
    };
    let (sensors, interfaces) = (board.sensors(), drone_interfaces(config));
    for (sensor, shown) in sensors.all().iter().zip(&mut report.sensors) {
        let metric = metric_of(sensor.role).filter(|_| is_watched(sensors, sensor, &interfaces));
        let by_metric =
            |rule: &Rule| of_board(rule) && metric.is_some_and(|metric| rule.metric == metric);
        let watching: Vec<String> = rules
            .iter()
            .filter(|rule| by_metric(rule) || names(rule, &sensor.name))
            .map(|rule| {
                format!(
                    "{} ({} {})",
                    rule.name,
                    rule.operator.symbol(),
                    rule.threshold
                )
            })
            .collect();
        shown.rule = (!watching.is_empty()).then(|| watching.join(", "));
    }
    Ok(())
}

/// Asks NVMe disks for their wear, and fails when one does not answer.
fn ask_disks(root: &Path) -> anyhow::Result<()> {
    let asked = boards::ask_disks(&Tree::open(root)?).context("cannot leave the answers")?;
    let mut unanswered = Vec::new();
    for (disk, answer) in asked {
        match answer {
            Ok(()) => println!("{disk}: asked"),
            Err(why) => unanswered.push(format!("{disk}: {why}")),
        }
    }
    anyhow::ensure!(
        unanswered.is_empty(),
        "not asked for its wear: {}",
        unanswered.join("; ")
    );
    Ok(())
}

fn capture(root: &Path, file: &Path) -> anyhow::Result<()> {
    let mut out = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(file)
        .with_context(|| format!("cannot write {}", file.display()))?;
    let summary = boards::capture(&Tree::open(root)?, &mut out)?;
    println!(
        "{}: {} files, links and directories; {} values replaced; {} files cannot be read and are listed in it",
        file.display(),
        summary.entries,
        summary.replaced,
        summary.unreadable
    );
    println!(
        "Serial numbers, addresses and names are removed; look through it before you send it."
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notes(tree: &str, is_kept: impl Fn(&SensorReport) -> bool) -> Vec<String> {
        let trees = Path::new(env!("CARGO_MANIFEST_DIR")).join("../boards/tests/trees");
        let board = Board::open(&trees.join(tree), None).expect("a board");
        let mut report = board.report(0);
        report.sensors.retain(is_kept);
        report.notes.clear();
        name_blindness(&mut report);
        report.notes
    }

    #[test]
    fn a_raspberry_pi_that_does_not_see_its_supply_says_so() {
        let without = |sensor: &SensorReport| sensor.role != Role::Undervoltage;
        let told = notes("pi-4b.tree", without);
        assert!(told.len() == 1 && told[0].starts_with("undervoltage is not seen"));
        assert!(notes("pi-4b.tree", |_| true).is_empty(), "it sees it");
        assert!(notes("x86.tree", without).is_empty(), "no Raspberry Pi");
    }
}
