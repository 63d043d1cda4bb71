//! The figures of the host: processor, memory, swap, file system, disks,
//! network, processes, uptime.
//!
//! This folder stands alone: it is given two paths and yields a
//! [`HostSnapshot`]. It must never publish a reading, and never put a number in
//! the place of a figure that it was not told: such a figure is absent.
//!
//! On a real machine all of them come from sysinfo (`machine`). Under a root
//! that is not `/` they come from the file `host.toml` there (`injected`), so
//! that a test decides what the machine says; what the file leaves out is
//! absent, but for two figures that are true under any root: the file system
//! that holds it, and the memory of this process.
//!
//! Reading blocks, and a file system on a failing card can block for seconds:
//! only a thread of its own may call [`Host::sample`].

mod injected;
mod machine;
mod snapshot;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use injected::Injected;
use machine::Machine;

pub use snapshot::{DiskTraffic, FileSystem, HostSnapshot, Memory, Network, Processor, Swap};

/// Time between samples of what changes slowly or costs more: file system,
/// disks, network, frequency.
const SLOW_INTERVAL: Duration = Duration::from_secs(10);
/// Time between two counts of the processes: sysinfo opens three files of each.
const PROCESSES_INTERVAL: Duration = Duration::from_secs(60);

/// The host, sampled one snapshot after the other.
pub struct Host {
    root: PathBuf,
    state_dir: PathBuf,
    machine: Machine,
    injected: Option<Injected>,
    /// Of the machine, whatever is injected.
    file_system: Option<FileSystem>,
    newest: HostSnapshot,
    slow: Cadence,
    processes: Cadence,
}

impl Host {
    /// The host whose files are under `root`, and on which this program writes
    /// below `state_dir`.
    ///
    /// # Errors
    /// When sysinfo does not support this system.
    pub fn open(root: &Path, state_dir: &Path) -> Result<Host, sysinfo::Error> {
        Ok(Host {
            root: root.to_owned(),
            state_dir: state_dir.to_owned(),
            machine: Machine::open()?,
            injected: (root != Path::new("/")).then(|| Injected::under(root)),
            file_system: None,
            newest: HostSnapshot::default(),
            slow: Cadence::every(SLOW_INTERVAL),
            processes: Cadence::every(PROCESSES_INTERVAL),
        })
    }

    /// The host at `now`. What is not due yet is as it was in the sample before.
    pub fn sample(&mut self, now: Instant) -> &HostSnapshot {
        let (slow_due, processes_due) = (self.slow.is_due(now), self.processes.is_due(now));
        if slow_due {
            self.file_system = self.machine.file_system(&self.root, &self.state_dir);
        }
        if let Some(injected) = &mut self.injected {
            let injected = injected.read();
            self.newest = HostSnapshot {
                file_system: injected.file_system.or(self.file_system),
                own_memory_bytes: injected
                    .own_memory_bytes
                    .or_else(|| self.machine.own_memory()),
                ..injected
            };
            return &self.newest;
        }
        self.newest.file_system = self.file_system;
        self.machine.sample_fast(&mut self.newest, slow_due);
        if slow_due {
            self.machine.sample_slow(&mut self.newest);
        }
        if processes_due {
            self.newest.processes = machine::count_processes();
        }
        &self.newest
    }
}

/// Something that is due at once, and then once an interval.
struct Cadence {
    interval: Duration,
    next: Option<Instant>,
}

impl Cadence {
    fn every(interval: Duration) -> Cadence {
        Cadence {
            interval,
            next: None,
        }
    }

    /// Whether it is due. After a stall, what was missed is not made up for.
    fn is_due(&mut self, now: Instant) -> bool {
        let due = self.next.is_none_or(|next| now >= next);
        if due {
            self.next = Some(now + self.interval);
        }
        due
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "sysinfo counts in real time")]
mod tests {
    use super::*;

    #[test]
    fn what_costs_more_is_due_at_once_and_then_once_an_interval() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut cadence = Cadence::every(10 * second);
        let due: Vec<u32> = (0..35)
            .filter(|n| cadence.is_due(start + *n * second))
            .collect();
        assert_eq!(due, [0, 10, 20, 30]);
        assert!(cadence.is_due(start + 100 * second), "after a stall");
        assert!(!cadence.is_due(start + 105 * second), "nothing is made up");
    }

    #[test]
    fn this_machine_says_all_that_it_has() {
        let root = Path::new("/");
        let mut host = Host::open(root, root).expect("supported");
        let first = host.sample(Instant::now()).clone();
        let processor = first.processor.expect("every machine has one");
        assert!(processor.cores > 0 && (0.0..=100.0).contains(&processor.usage_pct));
        assert_eq!(
            processor.per_core_pct, [0.0_f64; 0],
            "a core's use is known from its second sample on"
        );
        let memory = first.memory.expect("every machine has some");
        assert!(memory.total_bytes > memory.available_bytes);
        assert!(first.swap.is_some() && first.load_average.is_some());
        assert!(first.uptime_s.is_some() && first.own_memory_bytes > Some(1 << 20));
        // None where /proc is mounted with hidepid.
        assert_ne!(first.processes, Some(0));

        // sysinfo counts in real time only, and takes no reading before this is over.
        std::thread::sleep(sysinfo::MINIMUM_CPU_UPDATE_INTERVAL);
        let second = host.sample(Instant::now()).clone();
        let processor = second.processor.expect("still there");
        assert_eq!(processor.per_core_pct.len(), processor.cores);
        assert_eq!(
            (second.processes, second.network, second.file_system),
            (first.processes, first.network, first.file_system),
            "not due yet, and kept"
        );
    }

    #[test]
    fn under_another_root_the_host_is_what_the_file_there_says() {
        let root = tempfile::tempdir().expect("a directory");
        let mut host = Host::open(root.path(), root.path()).expect("supported");
        let empty = host.sample(Instant::now()).clone();
        let known = HostSnapshot {
            file_system: empty.file_system,
            own_memory_bytes: empty.own_memory_bytes,
            ..HostSnapshot::default()
        };
        assert_eq!(empty, known, "nothing of the machine that runs the test");
        assert!(empty.own_memory_bytes.is_some());

        let path = root.path().join("host.toml");
        let text = "processes = 7\n[memory]\ntotal_bytes = 1000\navailable_bytes = 250\n\
                    [file_system]\ntotal_bytes = 200\navailable_bytes = 20\n";
        std::fs::write(&path, text).expect("written");
        let injected = host.sample(Instant::now()).clone();
        assert_eq!(injected.memory.map(|memory| memory.used_pct()), Some(75.0));
        assert_eq!(injected.file_system.map(|disk| disk.used_pct()), Some(90.0));
        assert_eq!((injected.processes, injected.processor), (Some(7), None));

        std::fs::write(&path, "[memory]\ntotal = 1\n").expect("written");
        let broken = host.sample(Instant::now()).clone();
        assert_eq!((broken.memory, broken.processes), (None, None));
    }
}
