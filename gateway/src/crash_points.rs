//! The `mfg-drone-gateway` command, as the crash suite starts it (see `store/crash.rs`).

use std::process::ExitCode;

fn main() -> ExitCode {
    mfg_drone_gateway::cli::main()
}
