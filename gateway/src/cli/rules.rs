//! `rules check FILE`: are the rules of a configuration sound, and which apply?

use std::process::ExitCode;

use super::args::RulesCommand;
use crate::alerts;
use crate::config::Loaded;

pub(super) fn rules(command: &RulesCommand) -> anyhow::Result<ExitCode> {
    let RulesCommand::Check { file } = command;
    let loaded = Loaded::read(Some(file), std::env::vars())?;
    super::check::rule_problems(&loaded)?;
    println!(
        "{:<28} {:<22} {:>2} {:>9}  {:<9} {:>6} {:>8}  SOURCE",
        "RULE", "METRIC", "", "THRESHOLD", "LEVEL", "FOR", "COOLDOWN"
    );
    for view in alerts::effective_rules(&loaded.config.alerts)? {
        let rule = view.rule;
        println!(
            "{:<28} {:<22} {:>2} {:>9}  {:<9} {:>4} s {:>4} min  {}{}",
            rule.name,
            rule.metric,
            rule.operator,
            rule.threshold,
            rule.level,
            rule.for_s,
            rule.cooldown_minutes,
            rule.source.as_deref().unwrap_or("all"),
            if rule.enabled { "" } else { "  (disabled)" },
        );
    }
    Ok(ExitCode::SUCCESS)
}
