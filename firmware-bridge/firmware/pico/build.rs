//! Puts the chip's memory map where the linker looks.
use std::{env, fs, path::PathBuf};

fn main() {
    let rp2350 = env::var_os("CARGO_FEATURE_RP2350").is_some();
    let map = if rp2350 {
        "memory-rp2350.x"
    } else {
        "memory-rp2040.x"
    };
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    fs::copy(map, out.join("memory.x")).expect("OUT_DIR is writable");
    println!("cargo:rustc-link-search={}", out.display());
    println!("cargo:rerun-if-changed=memory-rp2040.x");
    println!("cargo:rerun-if-changed=memory-rp2350.x");
}
