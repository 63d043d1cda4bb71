//! Which program is tested, and how it is built.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Path of the binary under test: `MFG_DRONE_GATEWAY_BIN` (an installed or
/// cross-built one), else built by cargo with the profile of the tests.
///
/// # Panics
/// When the binary cannot be built: no test of this package means anything then.
#[must_use]
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        if let Some(path) = std::env::var_os("MFG_DRONE_GATEWAY_BIN") {
            return path.into();
        }
        let build = cargo_build("mfg-drone-gateway").args(["--profile", &profile()]);
        build.run().expect("the gateway builds").path().to_owned()
    })
}

/// The cargo profile that this program was built with. Cargo tells only a build script,
/// and calls every profile of one's own `release` there; but it puts programs into
/// `target/<profile>/`, and tests and examples a folder deeper.
///
/// # Panics
/// When this program lies in no such folder.
#[must_use]
pub fn profile() -> String {
    let program = std::env::current_exe().expect("a running program has a path");
    let folder = program
        .ancestors()
        .skip(1)
        .find(|folder| !folder.ends_with("deps") && !folder.ends_with("examples"))
        .and_then(Path::file_name)
        .expect("cargo puts programs into target/<profile>");
    match folder.to_string_lossy() {
        // The one whose folder has another name.
        debug if debug == "debug" => "dev".to_owned(),
        named => named.into_owned(),
    }
}

/// The binary with the store's crash points compiled in, which is the debug one. An
/// installed or cross-built binary has none: then kills come from outside only.
///
/// # Panics
/// When the binary cannot be built.
#[must_use]
pub fn binary_with_crash_points() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        if std::env::var_os("MFG_DRONE_GATEWAY_BIN").is_some() {
            return binary().to_owned();
        }
        let build = cargo_build("mfg-drone-gateway").args(["--profile", "dev"]);
        build.run().expect("the gateway builds").path().to_owned()
    })
}

/// The build of one of the gateway's binaries, in the environment of a shell. Cargo tells
/// a test what package it belongs to; a build script that hears of it (`ring`'s)
/// believes that its own package has changed, and half the tree is built anew.
fn cargo_build(binary: &str) -> escargot::CargoBuild {
    let build = escargot::CargoBuild::new()
        .manifest_path(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../gateway/Cargo.toml"
        ))
        .bin(binary);
    let told =
        |name: &String| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    names
        .filter(told)
        .fold(build, escargot::CargoBuild::env_remove)
}
