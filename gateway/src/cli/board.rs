//! `boards`: what was detected and why, every sensor with its value and the
//! rules that watch it.

use std::fs::OpenOptions;
use std::path::Path;

use anyhow::Context as _;
use boards::{Board, Report, Tree};

use super::args::{BoardsArgs, BoardsCommand};
use crate::board::{default_rules, metric_of};
use crate::config::{Loaded, Rule};
use crate::{alerts, config};

pub(super) fn boards(args: &BoardsArgs) -> anyhow::Result<()> {
    let root = args.tree.as_deref().unwrap_or(Path::new("/"));
    if let Some(BoardsCommand::Capture { file }) = &args.command {
        return capture(root, file);
    }
    let mut board = Board::open(root, Some(&args.profiles))?;
    board.sample(0, &mut |_, _| {});
    let mut report = board.report(0);
    name_rules(&mut report, &rules(&board)?);
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        print!("{report}");
    }
    Ok(())
}

/// The rules `run` would start with on that board; those changed through the
/// API are known to the running gateway only.
fn rules(board: &Board) -> anyhow::Result<Vec<Rule>> {
    let config = match Loaded::read(None, std::env::vars()) {
        Ok(loaded) => loaded.config.alerts,
        // Which sensors there are can be told without a configuration.
        Err(error) => {
            eprintln!("the rules shown are the default ones, because the configuration cannot be used: {error}");
            config::Alerts::default()
        }
    };
    let mut rules: Vec<Rule> = alerts::effective_rules(&config)?.into_iter().map(|view| view.rule).collect();
    if config.default_rules {
        for rule in default_rules(board.sensors().temperature_limits()) {
            let configured = config.rule.iter().any(|configured| configured.name == rule.name);
            match rules.iter_mut().find(|known| known.name == rule.name) {
                Some(_) if configured => {}
                Some(known) => *known = rule,
                None => rules.push(rule),
            }
        }
    }
    rules.retain(|rule| rule.enabled && rule.source.as_deref().is_none_or(|source| source == "board"));
    Ok(rules)
}

/// Fills in the column that `boards` cannot know.
fn name_rules(report: &mut Report, rules: &[Rule]) {
    for sensor in &mut report.sensors {
        let Some(metric) = metric_of(sensor.role) else { continue };
        let watching: Vec<String> = rules
            .iter()
            .filter(|rule| rule.metric == metric.name())
            .map(|rule| format!("{} ({} {})", rule.name, rule.operator, rule.threshold))
            .collect();
        sensor.rule = (!watching.is_empty()).then(|| watching.join(", "));
    }
}

fn capture(root: &Path, file: &Path) -> anyhow::Result<()> {
    let mut out = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(file)
        .with_context(|| format!("cannot write {}", file.display()))?;
    let summary = boards::capture(&Tree::open(root)?, &mut out)?;
    println!("{}: {summary:?}", file.display());
    println!("Serial numbers, addresses and names are removed; look through it before you send it.");
    Ok(())
}
