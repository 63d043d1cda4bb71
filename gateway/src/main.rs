//! The `mfg-drone-gateway` command.

fn main() {}
