//! Reads the machine from `/proc` and `/sys` directly.
//!
//! The files stay open and are read again from their start into one buffer, so
//! that a sample opens, allocates and lists as little as can be.
//!
//! Chosen over sysinfo by measurement: `cargo run --release --example
//! sampling_cost` gave, in processor time on an x86_64 machine with two cores
//! and 75 processes, 7 µs for what is read each second (sysinfo: 21 µs)
//! and 22 µs for the rest (sysinfo: 135 µs without the process count, which
//! takes it another 800 µs). sysinfo stays as the independent witness in the
//! tests below.

use std::fs::File;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, RawDir, SeekFrom, StatVfsMountFlags};

use super::SystemSnapshot;
use super::proc::{self, CpuTime};

/// Most of a file that is read. Lines of 128 cores, or of as many network
/// interfaces or disks, fit; what lies behind is not counted.
const BUFFER_BYTES: usize = 16 * 1024;
/// Most cores told apart.
const MAX_CORES: usize = 128;

/// The machine. What cannot be opened is left at its last value, or unknown.
pub struct Machine {
    root: PathBuf,
    /// A folder that is written to.
    state_dir: PathBuf,
    stat: Option<File>,
    meminfo: Option<File>,
    loadavg: Option<File>,
    statm: Option<File>,
    network: Option<File>,
    diskstats: Option<File>,
    frequency: Option<File>,
    processes: Option<OwnedFd>,
    page_bytes: u64,
    buffer: Box<[u8; BUFFER_BYTES]>,
    all_cores: CpuTime,
    cores: Box<[CpuTime; MAX_CORES]>,
}

impl Machine {
    /// The machine whose `/proc` and `/sys` are under `root`, and where this program
    /// writes below `state_dir`.
    #[must_use]
    pub fn open(root: &Path, state_dir: &Path) -> Machine {
        let open = |path: &str| File::open(root.join(path)).ok();
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Machine {
            stat: open("proc/stat"),
            meminfo: open("proc/meminfo"),
            loadavg: open("proc/loadavg"),
            statm: open("proc/self/statm"),
            network: open("proc/net/dev"),
            diskstats: open("proc/diskstats"),
            frequency: open("sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq"),
            processes: rustix::fs::open(root.join("proc"), flags, Mode::empty()).ok(),
            root: root.to_owned(),
            state_dir: state_dir.to_owned(),
            page_bytes: rustix::param::page_size() as u64,
            buffer: Box::new([0; BUFFER_BYTES]),
            all_cores: CpuTime::default(),
            cores: Box::new([CpuTime::default(); MAX_CORES]),
        }
    }

    /// What changes by the second: processor, load, memory, this process.
    pub fn sample_often(&mut self, snapshot: &mut SystemSnapshot) {
        self.processor(snapshot);
        self.memory(snapshot);
        if let Some(text) = read(self.loadavg.as_ref(), &mut self.buffer) {
            snapshot.load_avg = proc::load_average(text);
        }
        if let Some(pages) =
            read(self.statm.as_ref(), &mut self.buffer).and_then(proc::resident_pages)
        {
            snapshot.process_rss = pages.saturating_mul(self.page_bytes);
        }
    }

    /// What changes slowly, or costs more: file system, disks, network,
    /// processes, frequency.
    pub fn sample_rarely(&mut self, snapshot: &mut SystemSnapshot) {
        self.file_system(snapshot);
        if let Some(text) = read(self.diskstats.as_ref(), &mut self.buffer) {
            (snapshot.disk_read, snapshot.disk_written) = proc::disk_traffic(text).unzip();
        }
        if let Some(text) = read(self.network.as_ref(), &mut self.buffer) {
            let network = proc::network(text);
            (snapshot.net_received, snapshot.packets_received) =
                (network.received, network.packets_received);
            (snapshot.net_sent, snapshot.packets_sent) = (network.sent, network.packets_sent);
        }
        let khz = read(self.frequency.as_ref(), &mut self.buffer)
            .and_then(|text| proc::number(text.trim_ascii()));
        snapshot.cpu_mhz = khz.map(|khz| khz as f64 / 1000.0);
        if let Some(count) = self.count_processes() {
            snapshot.processes = count;
        }
    }

    fn processor(&mut self, snapshot: &mut SystemSnapshot) {
        let Some(text) = read(self.stat.as_ref(), &mut self.buffer) else {
            return;
        };
        let mut count = 0;
        proc::cpu_times(text, |core, time| {
            let Some(core) = core else {
                let earlier = std::mem::replace(&mut self.all_cores, time);
                snapshot.cpu_pct = time.busy_pct(earlier).unwrap_or(snapshot.cpu_pct);
                return;
            };
            let Some(earlier) = self.cores.get_mut(core) else {
                return;
            };
            let busy = time.busy_pct(std::mem::replace(earlier, time));
            match snapshot.cpu_per_core_pct.get_mut(count) {
                Some(pct) => *pct = busy.unwrap_or(*pct),
                None => snapshot.cpu_per_core_pct.push(busy.unwrap_or(0.0)),
            }
            count += 1;
        });
        // A core may have been switched off.
        snapshot.cpu_per_core_pct.truncate(count);
        snapshot.cpu_count = count;
    }

    fn memory(&mut self, snapshot: &mut SystemSnapshot) {
        let Some(text) = read(self.meminfo.as_ref(), &mut self.buffer) else {
            return;
        };
        let memory = proc::memory(text);
        snapshot.memory_total = memory.total;
        snapshot.memory_available = memory.available;
        snapshot.memory_used = memory.total.saturating_sub(memory.available);
        snapshot.memory_pct = proc::percent(snapshot.memory_used, memory.total);
        snapshot.swap_total = memory.swap_total;
        snapshot.swap_used = memory.swap_total.saturating_sub(memory.swap_free);
    }

    /// Percent as `df` shows it: of what ordinary users can have. A root that is
    /// read-only, as a card image's, never fills; what is written lies elsewhere.
    fn file_system(&self, snapshot: &mut SystemSnapshot) {
        let Ok(root) = rustix::fs::statvfs(&self.root) else {
            return;
        };
        let read_only = root.f_flag.contains(StatVfsMountFlags::RDONLY);
        let written = read_only
            .then(|| rustix::fs::statvfs(&self.state_dir).ok())
            .flatten();
        let file_system = written.unwrap_or(root);
        let bytes = |blocks: u64| blocks.saturating_mul(file_system.f_frsize);
        snapshot.disk_total = bytes(file_system.f_blocks);
        snapshot.disk_used = bytes(file_system.f_blocks.saturating_sub(file_system.f_bfree));
        snapshot.disk_free = bytes(file_system.f_bavail);
        snapshot.disk_pct = proc::percent(
            snapshot.disk_used,
            snapshot.disk_used.saturating_add(snapshot.disk_free),
        );
    }

    /// Processes are the directories of `/proc` that are numbers.
    fn count_processes(&self) -> Option<usize> {
        let dir = self.processes.as_ref()?;
        rustix::fs::seek(dir, SeekFrom::Start(0)).ok()?;
        let mut buffer = [const { MaybeUninit::uninit() }; 4096];
        let mut entries = RawDir::new(dir, &mut buffer);
        let mut count = 0;
        while let Some(entry) = entries.next() {
            let is_process = entry
                .ok()?
                .file_name()
                .to_bytes()
                .first()
                .is_some_and(u8::is_ascii_digit);
            count += usize::from(is_process);
        }
        Some(count)
    }
}

/// The file from its start, as far as the buffer reaches.
fn read<'buffer>(
    file: Option<&File>,
    buffer: &'buffer mut [u8; BUFFER_BYTES],
) -> Option<&'buffer [u8]> {
    let file = file?;
    let mut length = 0;
    // The kernel hands out such files by the page.
    while length < BUFFER_BYTES {
        match file.read_at(&mut buffer[length..], length as u64).ok()? {
            0 => break,
            read => length += read,
        }
    }
    Some(&buffer[..length])
}

#[cfg(test)]
mod tests {
    use sysinfo::{Disks, MemoryRefreshKind, Networks, System};

    use super::*;

    fn sampled(root: &Path) -> SystemSnapshot {
        let mut snapshot = SystemSnapshot::default();
        let mut machine = Machine::open(root, root);
        machine.sample_often(&mut snapshot);
        machine.sample_rarely(&mut snapshot);
        snapshot
    }

    /// An independent reader of the same machine must say the same of what
    /// holds still.
    #[test]
    fn this_machine_is_the_one_that_sysinfo_sees() {
        let mut system = System::new().expect("supported");
        system.refresh_memory_specifics(MemoryRefreshKind::everything());
        system.refresh_cpu_usage();
        let snapshot = sampled(Path::new("/"));
        assert_eq!(snapshot.memory_total, system.total_memory());
        assert_eq!(snapshot.swap_total, system.total_swap());
        assert_eq!(snapshot.cpu_count, system.cpus().len());
        assert_eq!(snapshot.cpu_per_core_pct.len(), system.cpus().len());
        let disks = Disks::new_with_refreshed_list().expect("supported");
        if let Some(disk) = disks
            .iter()
            .find(|disk| disk.mount_point() == Path::new("/"))
        {
            assert_eq!(snapshot.disk_total, disk.total_space());
        }
        let received: u64 = Networks::new_with_refreshed_list()
            .expect("supported")
            .iter()
            .filter(|(name, _)| *name != "lo")
            .map(|(_, network)| network.total_received())
            .sum();
        assert!(
            snapshot.net_received <= received,
            "read before, so not more"
        );
        assert!(snapshot.processes > 0 && snapshot.process_rss > 0);
        assert!(
            (0.0..=100.0).contains(&snapshot.cpu_pct)
                && (0.0..=100.0).contains(&snapshot.memory_pct)
        );
    }

    #[test]
    fn what_cannot_be_read_is_unknown() {
        let empty = tempfile::tempdir().expect("a directory");
        let snapshot = sampled(empty.path());
        assert_eq!(
            (snapshot.load_avg, snapshot.cpu_mhz, snapshot.disk_read),
            (None, None, None)
        );
        let readings: Vec<_> = snapshot
            .readings()
            .map(|reading| reading.metric.name())
            .collect();
        assert_eq!(
            readings,
            ["disk_usage"],
            "the file system under it is there all the same"
        );
    }

    #[test]
    fn use_is_over_the_time_between_two_samples() {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::create_dir_all(dir.path().join("proc/42")).expect("made");
        std::fs::create_dir_all(dir.path().join("proc/sys")).expect("made");
        let write =
            |text: &str| std::fs::write(dir.path().join("proc/stat"), text).expect("written");
        write("cpu  100 0 0 100 0 0 0 0\ncpu0 50 0 0 50 0 0 0 0\ncpu1 50 0 0 50 0 0 0 0\n");
        let (mut machine, mut snapshot) = (
            Machine::open(dir.path(), dir.path()),
            SystemSnapshot::default(),
        );
        machine.sample_often(&mut snapshot);
        assert_eq!((snapshot.cpu_pct, snapshot.cpu_count), (50.0, 2));
        write("cpu  110 0 0 130 0 0 0 0\ncpu1 60 0 0 80 0 0 0 0\n");
        machine.sample_often(&mut snapshot);
        assert_eq!(
            (snapshot.cpu_pct, snapshot.cpu_per_core_pct.as_slice()),
            (25.0, &[25.0][..])
        );
        machine.sample_rarely(&mut snapshot);
        assert_eq!(snapshot.processes, 1);
    }
}
