//! The `mfg-drone-gateway` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    mfg_drone_gateway::main()
}
