//! `rules list` and `rules check FILE`: are the rules of a configuration sound,
//! and which apply on this board?

use std::process::ExitCode;

use alerting::RuleView;
use boards::Board;

use super::args::{RulesArgs, RulesCommand};
use crate::config::{Config, ConfigError};
use crate::settings;
use crate::sources::{board as board_room, bridge};

pub(super) fn rules(args: &RulesArgs) -> anyhow::Result<ExitCode> {
    let mut config = args.config.clone();
    if let RulesCommand::Check { file: Some(file) } = &args.command {
        config.config = Some(file.clone());
    }
    let loaded = super::load(&config)?;
    ConfigError::unless_sound(settings::rule_problems(&loaded))?;
    let board = board(&loaded.config);
    let rules = in_effect(&loaded.config, board.as_ref())?;
    println!(
        "{:<28} {:<22} {:>2} {:>9}  {:<9} {:>6} {:>8}  SOURCE",
        "RULE", "METRIC", "", "THRESHOLD", "LEVEL", "FOR", "COOLDOWN"
    );
    rules.iter().for_each(line);
    if let Some(board) = board {
        println!(
            "With the default rules for this board, {}.",
            board.detected().profile.name
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// The rules `run` would start with on that board; those changed through the
/// API are known to the running gateway only.
pub(super) fn in_effect(config: &Config, board: Option<&Board>) -> anyhow::Result<Vec<RuleView>> {
    let limits = board.map(|board| board.sensors().temperature_limits());
    let mut defaults = limits.map(board_room::default_rules).unwrap_or_default();
    defaults.extend(bridge::default_rules(&config.bridge));
    Ok(alerting::effective_rules(&config.alerts, &defaults)?)
}

/// The board of the configuration; none where its sensors are not read.
fn board(config: &Config) -> Option<Board> {
    let board = config
        .board
        .enabled
        .then(|| board_room::open(&config.board))?;
    board
        .inspect_err(|error| eprintln!("without rules for the board: {error}"))
        .ok()
}

fn line(view: &RuleView) {
    let rule = &view.rule;
    println!(
        "{:<28} {:<22} {:>2} {:>9}  {:<9} {:>4} s {:>4} min  {}{}",
        rule.name,
        rule.metric.name(),
        rule.operator.symbol(),
        rule.threshold,
        rule.level.name(),
        rule.for_s(),
        rule.cooldown_minutes(),
        rule.source.as_deref().unwrap_or("all"),
        if rule.enabled { "" } else { "  (disabled)" },
    );
}
