//! The table of a drone that was found, and the file that it belongs to.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, chown};
use std::path::PathBuf;

use anyhow::{Context as _, bail};

use crate::cli::args::ConfigArgs;
use crate::config::{Loaded, Place};
use crate::settings;

/// The next id of the usual pattern that nobody has.
pub(super) fn free_id(taken: impl Fn(&str) -> bool) -> String {
    let mut number = 1_u32;
    loop {
        let id = format!("drone_{number:03}");
        if !taken(&id) {
            return id;
        }
        number += 1;
    }
}

/// Adds `text` to the configuration file, whole or not at all, once it was judged with it.
pub(super) fn append(loaded: &Loaded, args: &ConfigArgs, text: &str) -> anyhow::Result<PathBuf> {
    if let Place::Variable(name) = loaded.place(&["drones", "drone"]) {
        bail!("{name} sets the drones, and wins over any file; add there:\n\n{text}");
    }
    let Some(file) = &loaded.file else {
        bail!("there is no configuration file to write to; add to one:\n\n{text}");
    };
    // A link stays one.
    let file = fs::canonicalize(file).with_context(|| file.display().to_string())?;
    let before = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let meta = fs::metadata(&file)?;
    let folder = file.parent().context("a file lies in a folder")?;
    let next = folder.join(format!(".gateway.toml.{}", std::process::id()));
    let gap = if before.ends_with('\n') || before.is_empty() {
        ""
    } else {
        "\n"
    };
    let written = || {
        let mut out = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&next)?;
        out.write_all(format!("{before}{gap}\n{text}").as_bytes())?;
        Loaded::read(Some(&next), settings::environment(), &args.flags())
            .context("the configuration would not be sound with it")?;
        out.set_permissions(meta.permissions())?;
        chown(&next, Some(meta.uid()), Some(meta.gid()))?;
        out.sync_all()?;
        anyhow::Ok(fs::rename(&next, &file)?)
    };
    match written() {
        Ok(()) => Ok(file),
        Err(error) => {
            // It may not even have been made.
            let _ = fs::remove_file(&next);
            let told = format!(
                "nothing was written to {}; add to it:\n\n{text}",
                file.display()
            );
            Err(error.context(told))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_free_id_is_taken() {
        let taken = ["drone_001", "drone_002", "drone_004"];
        assert_eq!(free_id(|id| taken.contains(&id)), "drone_003");
    }
}
