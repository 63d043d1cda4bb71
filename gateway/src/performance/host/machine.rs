//! Asks sysinfo about this machine.
//!
//! sysinfo keeps a figure that it could not read at its last value, and shows
//! some that the kernel does not tell as something else. Where that can be seen
//! from outside, the figure is absent here; each such place says so.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use sysinfo::{
    CpuRefreshKind, DiskRefreshKind, Disks, Error, MemoryRefreshKind, Networks, Pid,
    ProcessRefreshKind, ProcessesToUpdate, System,
};

use super::snapshot::one_decimal;
use super::{DiskTraffic, FileSystem, HostSnapshot, Memory, Network, Processor, Swap};

/// Interface whose traffic enters and leaves nothing.
const LOOPBACK: &str = "lo";
/// Without this file sysinfo takes what `/proc/cpuinfo` has, which on ARM is
/// BogoMIPS: a loop count that has nothing to do with the frequency.
const FREQUENCY: &str = "/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq";

/// This machine.
pub(super) struct Machine {
    system: System,
    disks: Disks,
    networks: Networks,
    own_pid: Pid,
    tells_frequency: bool,
    /// Whether the use of the processor has been read before.
    has_processor_sample: bool,
}

impl Machine {
    pub(super) fn open() -> Result<Machine, Error> {
        Ok(Machine {
            system: System::new()?,
            // sysinfo notes only at this first reading which ones are read-only.
            disks: Disks::new_with_refreshed_list_specifics(
                DiskRefreshKind::nothing().with_storage(),
            )?,
            networks: Networks::new()?,
            own_pid: Pid::from_u32(std::process::id()),
            tells_frequency: cfg!(any(target_arch = "x86", target_arch = "x86_64"))
                || Path::new(FREQUENCY).exists(),
            has_processor_sample: false,
        })
    }

    /// What changes by the second, and, as it is read with the processor, the
    /// frequency when `with_frequency`.
    pub(super) fn sample_fast(&mut self, snapshot: &mut HostSnapshot, with_frequency: bool) {
        let with_frequency = with_frequency && self.tells_frequency;
        let usage = CpuRefreshKind::nothing().with_usage();
        // One call for both: a call for the frequency alone would also restart
        // the time that sysinfo wants between two readings of the use.
        self.system.refresh_cpu_specifics(if with_frequency {
            usage.with_frequency()
        } else {
            usage
        });
        snapshot.processor = self.processor();
        if with_frequency {
            let first = self.system.cpus().first();
            let mhz = first.map_or(0, sysinfo::Cpu::frequency);
            snapshot.frequency_mhz = (mhz > 0).then_some(mhz as f64);
        }
        (snapshot.memory, snapshot.swap) = self.memory().unzip();
        snapshot.load_average = System::load_average()
            .ok()
            .map(|load| [load.one, load.five, load.fifteen]);
        snapshot.uptime_s = System::uptime().ok();
        snapshot.own_memory_bytes = self.own_memory();
    }

    /// What changes slowly, or costs more. The file system is asked for apart.
    pub(super) fn sample_slow(&mut self, snapshot: &mut HostSnapshot) {
        snapshot.disk_traffic = self.disk_traffic();
        snapshot.network = self.network();
    }

    fn processor(&mut self) -> Option<Processor> {
        let cores = self.system.cpus();
        if cores.is_empty() {
            return None;
        }
        // Of all cores the first sample is the use since the machine was started;
        // of a single one sysinfo shows 0 until there is a second.
        let known = std::mem::replace(&mut self.has_processor_sample, true);
        let per_core = cores.iter().filter(|_| known);
        Some(Processor {
            usage_pct: one_decimal(f64::from(self.system.global_cpu_usage())),
            per_core_pct: per_core
                .map(|core| one_decimal(f64::from(core.usage())))
                .collect(),
            cores: cores.len(),
        })
    }

    fn memory(&mut self) -> Option<(Memory, Swap)> {
        self.system
            .refresh_memory_specifics(MemoryRefreshKind::everything());
        let total_bytes = self.system.total_memory();
        // No machine has none: nothing was read, of swap neither.
        if total_bytes == 0 {
            return None;
        }
        let memory = Memory {
            total_bytes,
            available_bytes: self.system.available_memory(),
        };
        let swap_bytes = self.system.total_swap();
        let swap = Swap {
            total_bytes: swap_bytes,
            used_bytes: swap_bytes.saturating_sub(self.system.free_swap()),
        };
        Some((memory, swap))
    }

    /// Resident set of this process.
    pub(super) fn own_memory(&mut self) -> Option<u64> {
        self.system.refresh_processes_specifics(
            ProcessesToUpdate::Some(&[self.own_pid]),
            false,
            ProcessRefreshKind::nothing().without_tasks().with_memory(),
        );
        let own = self.system.process(self.own_pid)?;
        (own.memory() > 0).then(|| own.memory())
    }

    /// The file system that holds `root`, or the one that holds `state_dir`
    /// where the first is read-only, as a card image's: it never fills.
    ///
    /// Only that one is asked for its space: a network's that does not answer
    /// must not stop the sampling.
    pub(super) fn file_system(&mut self, root: &Path, state_dir: &Path) -> Option<FileSystem> {
        let held = [root, state_dir].map(|path| self.holding(path));
        let writable = held
            .iter()
            .flatten()
            .find(|index| !self.disks[**index].is_read_only());
        let index = *writable.or_else(|| held.iter().flatten().next())?;
        let disk = self.disks.get_mut(index)?;
        disk.refresh_specifics(DiskRefreshKind::nothing().with_storage());
        let total_bytes = disk.total_space();
        (total_bytes > 0).then(|| FileSystem {
            total_bytes,
            available_bytes: disk.available_space(),
        })
    }

    /// Place in the list of the file system that holds `path`: of the same device,
    /// and of its mounts the nearest, for one may be read-only and another not.
    /// sysinfo lists no file system in memory and none of a network.
    fn holding(&self, path: &Path) -> Option<usize> {
        let path = path.canonicalize().ok()?;
        let device = path.metadata().ok()?.dev();
        self.disks
            .iter()
            .enumerate()
            .filter(|(_, disk)| disk.id() == Some(device) && path.starts_with(disk.mount_point()))
            .max_by_key(|(_, disk)| disk.mount_point().components().count())
            .map(|(index, _)| index)
    }

    fn disk_traffic(&mut self) -> Option<DiskTraffic> {
        self.disks
            .refresh_specifics(true, DiskRefreshKind::nothing().with_io_usage());
        let mut counted: Vec<&std::ffi::OsStr> = Vec::new();
        let mut sum = DiskTraffic {
            read_bytes: 0,
            written_bytes: 0,
        };
        for disk in &self.disks {
            let usage = disk.usage();
            // A device that is mounted in several places is listed for each, and
            // one that the kernel counts nothing for shows zeros: mounting reads.
            let silent = usage.total_read_bytes == 0 && usage.total_written_bytes == 0;
            if silent || counted.contains(&disk.name()) {
                continue;
            }
            counted.push(disk.name());
            sum.read_bytes = sum.read_bytes.saturating_add(usage.total_read_bytes);
            sum.written_bytes = sum.written_bytes.saturating_add(usage.total_written_bytes);
        }
        (!counted.is_empty()).then_some(sum)
    }

    fn network(&mut self) -> Option<Network> {
        self.networks.refresh(true);
        if self.networks.is_empty() {
            return None;
        }
        let mut sum = Network::default();
        let outward = self.networks.iter().filter(|(name, _)| *name != LOOPBACK);
        for (_, data) in outward {
            let add = |sum: &mut u64, value| *sum = sum.saturating_add(value);
            add(&mut sum.received_bytes, data.total_received());
            add(&mut sum.received_packets, data.total_packets_received());
            add(&mut sum.sent_bytes, data.total_transmitted());
            add(&mut sum.sent_packets, data.total_packets_transmitted());
        }
        Some(sum)
    }
}

/// How many processes there are. Absent where the first of all is hidden, as by
/// `ProtectProc=invisible` in the packaged service: then others are, too.
///
/// The list is let go at once: it takes some hundred bytes a process, and is
/// wanted once a minute.
pub(super) fn count_processes() -> Option<usize> {
    let mut system = System::new().ok()?;
    system.refresh_processes_specifics(
        ProcessesToUpdate::All,
        false,
        // Else every thread counts.
        ProcessRefreshKind::nothing().without_tasks(),
    );
    let processes = system.processes();
    processes
        .contains_key(&Pid::from_u32(1))
        .then_some(processes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_are_no_processes() {
        // As many threads as outnumber what starts and ends meanwhile.
        let stop = std::sync::Arc::new(std::sync::Barrier::new(65));
        let threads: Vec<_> = (0..64)
            .map(|_| {
                let stop = stop.clone();
                std::thread::spawn(move || stop.wait())
            })
            .collect();
        let counted = count_processes();
        let dirs = std::fs::read_dir("/proc").expect("mounted");
        let listed = dirs
            .flatten()
            .filter(|entry| entry.file_name().as_encoded_bytes()[0].is_ascii_digit())
            .count();
        stop.wait();
        for thread in threads {
            thread.join().expect("ended");
        }
        // None where /proc is mounted with hidepid.
        if let Some(counted) = counted {
            assert!(counted.abs_diff(listed) < 32, "{counted} of {listed}");
        }
    }

    #[test]
    fn a_file_system_in_memory_is_not_that_of_the_root() {
        let machine = Machine::open().expect("supported");
        assert_eq!(machine.holding(Path::new("/proc")), None);
        assert_eq!(machine.holding(Path::new("/nowhere")), None);
        if let Some(index) = machine.holding(Path::new("/")) {
            assert_eq!(machine.disks[index].mount_point(), Path::new("/"));
        }
    }
}
