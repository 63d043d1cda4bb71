//! Works on the state directory as the user to whom it belongs.
//!
//! A command that root runs there would leave files that the service may not
//! open, and would follow links that the service's user could have laid. So it
//! starts itself again as that user before it touches anything. It must never
//! do so the other way round: a user who is not root stays who he is, and gets
//! the file system's own refusal.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;

/// This program, whatever its path: the other user may not reach that.
const THIS_PROGRAM: &str = "/proc/self/exe";

/// Returns when this process is the right one to work on `dir`: it is not
/// root, root owns the directory, or there is none yet. Otherwise the process
/// begins anew as the directory's user and group, with the same arguments.
///
/// # Errors
/// The directory cannot be looked at, or the system refuses the change.
pub(super) fn become_owner(dir: &Path) -> anyhow::Result<()> {
    if !rustix::process::geteuid().is_root() || !dir.exists() {
        return Ok(());
    }
    let owner = fs::metadata(dir).with_context(|| format!("cannot look at {}", dir.display()))?;
    if owner.uid() == 0 {
        return Ok(());
    }
    let mut arguments = std::env::args_os();
    let name = arguments.next().unwrap_or_default();
    // Setting a user also drops root's supplementary groups.
    let refused = Command::new(THIS_PROGRAM)
        .arg0(name)
        .args(arguments)
        .uid(owner.uid())
        .gid(owner.gid())
        .exec();
    Err(refused).with_context(|| {
        let (dir, uid) = (dir.display(), owner.uid());
        format!("{dir} belongs to user {uid}, and this command could not become that user; run it as them (sudo -u)")
    })
}
