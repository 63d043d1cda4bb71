//! Arguments of `plan`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::ConfigArgs;

/// Arguments of `plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// Configuration.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: PlanCommand,
}

/// `plan …`
#[derive(Debug, Subcommand)]
pub enum PlanCommand {
    /// Judge a plan: by the running gateway from how its drones are now; without one by the
    /// configuration, for full drones on the ground.
    Check {
        /// The plan, a JSON file.
        file: PathBuf,
    },
    /// Fly a plan, and say what comes of each step. Whoever ends this command lands the drones.
    Fly {
        /// The plan, a JSON file.
        file: PathBuf,
        /// Fly it with simulated drones of the same ids, limits and groups; no real one is touched.
        #[arg(long)]
        simulate: bool,
    },
    /// The plans under way, and the newest that are over.
    Status,
    /// Let commands under way end, and begin no further step.
    Pause {
        /// Id of the plan.
        id: String,
    },
    /// Go on with the next step.
    Resume {
        /// Id of the plan.
        id: String,
    },
    /// End a plan; its drones land.
    End {
        /// Id of the plan.
        id: String,
    },
}
