//! Arguments of what a person at the console asks a running gateway, and of its
//! configuration file.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::ConfigArgs;

/// Arguments of `status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `logs`.
#[derive(Debug, Args)]
pub struct LogsArgs {
    /// Configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Lines to begin with.
    #[arg(long, short = 'n', value_name = "N", default_value_t = 50)]
    pub lines: usize,
    /// Go on with what comes, until Ctrl-C.
    #[arg(long, short)]
    pub follow: bool,
    /// One JSON object a line.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `alerts`.
#[derive(Debug, Args)]
pub struct AlertsArgs {
    /// Configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: AlertsCommand,
}

/// `alerts …`
#[derive(Debug, Subcommand)]
pub enum AlertsCommand {
    /// List the alerts that are not resolved, newest first.
    List {
        /// The resolved ones as well.
        #[arg(long)]
        all: bool,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Acknowledge alerts: somebody has seen them.
    Ack {
        /// Their ids, as listed.
        #[arg(required = true)]
        ids: Vec<String>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Resolve alerts: they are over.
    Resolve {
        /// Their ids, as listed.
        #[arg(required = true)]
        ids: Vec<String>,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// Arguments of `rules`.
#[derive(Debug, Args)]
pub struct RulesArgs {
    /// Configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: RulesCommand,
}

/// `rules …`
#[derive(Debug, Subcommand)]
pub enum RulesCommand {
    /// List the rules: those of the running gateway, else those that a start would put in effect.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Check the rules of a configuration file and list those in effect.
    Check {
        /// The file, instead of that of `--config`.
        file: Option<PathBuf>,
    },
    /// Add a rule to the running gateway; it is kept.
    Add {
        /// A name that no other rule has.
        name: String,
        /// What it says.
        #[command(flatten)]
        fields: RuleFields,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Change a rule of the running gateway; what is not given stays.
    Edit {
        /// Its name.
        name: String,
        /// What changes.
        #[command(flatten)]
        fields: RuleFields,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Delete a rule of the running gateway, a default one as well.
    Delete {
        /// Its name.
        name: String,
    },
    /// Say how often a rule would have fired in the last 24 hours.
    Test {
        /// Name of a rule that there is, to be changed by what is given; none for a new one.
        name: Option<String>,
        /// What it says.
        #[command(flatten)]
        fields: RuleFields,
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
}

/// What a rule says, as `[[alerts.rule]]` has it.
#[derive(Debug, Default, Args)]
pub struct RuleFields {
    /// What is watched, such as battery_level.
    #[arg(long)]
    pub metric: Option<String>,
    /// How value and threshold compare: > < >= <= == !=
    #[arg(long, allow_hyphen_values = true)]
    pub operator: Option<String>,
    /// In the metric's unit.
    #[arg(long, allow_negative_numbers = true)]
    pub threshold: Option<f64>,
    /// info, warning, error or critical.
    #[arg(long)]
    pub level: Option<String>,
    /// system, drone, training, network, security or performance.
    #[arg(long = "type")]
    pub alert_type: Option<String>,
    /// Whether it is in effect.
    #[arg(long)]
    pub enabled: Option<bool>,
    /// Minutes of silence after firing.
    #[arg(long, value_name = "MINUTES")]
    pub cooldown_minutes: Option<u32>,
    /// Seconds that it must hold before it fires.
    #[arg(long, value_name = "SECONDS")]
    pub for_s: Option<u32>,
    /// How far the value must come back to clear.
    #[arg(long)]
    pub hysteresis: Option<f64>,
    /// The one source: a drone's id, board, or a sensor.
    #[arg(long)]
    pub source: Option<String>,
    /// Whether it resolves itself when the value has come back.
    #[arg(long)]
    pub auto_resolve: Option<bool>,
}

/// Arguments of `config`.
#[derive(Debug, Args)]
pub struct ConfigFileArgs {
    /// Configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: ConfigCommand,
}

/// `config …`
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Show what is in force, and where each value was set. Secrets are hidden.
    Show {
        /// Print JSON.
        #[arg(long)]
        json: bool,
        /// Only what is not the default.
        #[arg(long)]
        changed: bool,
    },
    /// Write the annotated file, every setting in it, switched off.
    Init {
        /// The file to write; it must not exist. Standard output by default.
        file: Option<PathBuf>,
    },
    /// Print the JSON Schema of the file, for editors.
    Schema,
}
