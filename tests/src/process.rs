//! CPU time and memory of a process, from /proc.

use std::time::Duration;

use anyhow::Context as _;

/// Clock ticks a second in /proc/PID/stat; 100 on every Linux the gateway runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// User and system time of a process and of its threads.
///
/// # Errors
/// The process is gone.
pub fn cpu(pid: u32) -> anyhow::Result<Duration> {
    time_in(&std::fs::read_to_string(format!("/proc/{pid}/stat"))?)
}

/// User and system time of the thread of that name.
///
/// # Errors
/// The process or the thread is gone.
pub fn thread_cpu(pid: u32, name: &str) -> anyhow::Result<Duration> {
    for task in std::fs::read_dir(format!("/proc/{pid}/task"))? {
        let stat = std::fs::read_to_string(task?.path().join("stat"))?;
        if stat.contains(&format!("({name})")) {
            return time_in(&stat);
        }
    }
    anyhow::bail!("process {pid} has no thread {name}")
}

fn time_in(stat: &str) -> anyhow::Result<Duration> {
    // The command name may hold spaces; what follows the last parenthesis does not.
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .context("stat")?
        .split_whitespace()
        .collect();
    let ticks: f64 = fields[11].parse::<f64>()? + fields[12].parse::<f64>()?;
    Ok(Duration::from_secs_f64(ticks / TICKS_PER_SECOND))
}

/// Resident set and its peak, in kB.
///
/// # Errors
/// The process is gone.
pub fn resident_kb(pid: u32) -> anyhow::Result<(u64, u64)> {
    Ok((kb_in_status(pid, "VmRSS:")?, kb_in_status(pid, "VmHWM:")?))
}

fn kb_in_status(pid: u32, name: &str) -> anyhow::Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|line| line.starts_with(name));
    let value = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(value.with_context(|| name.to_owned())?.parse()?)
}

/// Memory of a process that no file stands behind, in kB: what it asked for itself. (Parts
/// of the program that are read in when they are first used come and go with the system's
/// room.)
///
/// # Errors
/// The process is gone.
pub fn anonymous_kb(pid: u32) -> anyhow::Result<u64> {
    kb_in_status(pid, "RssAnon:")
}

/// Processes whose parent is `pid`.
///
/// # Errors
/// The process is gone.
pub fn children(pid: u32) -> anyhow::Result<Vec<u32>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    Ok(text
        .split_whitespace()
        .map(str::parse)
        .collect::<Result<_, _>>()?)
}
