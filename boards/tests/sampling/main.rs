//! Sensors that come, go and misbehave while they are sampled, on a directory
//! that is changed under the board as a kernel would change sysfs.

mod bench;
mod names;
mod places;
mod plugging;
mod replaced;

use std::fs;

use bench::{Bench, ZONE, absence, one_zone, open};
use boards::{Absence, Board, Freshness, Role};

#[test]
fn each_sensor_is_read_at_its_own_rate() {
    let bench = one_zone();
    bench.put("proc/uptime", "10.0 20.0\n");
    let mut bench = Bench {
        board: open(bench.dir.path()),
        dir: bench.dir,
    };
    let counts: Vec<usize> = (0..11)
        .map(|second| bench.sample(second * 1_000).len())
        .collect();
    // The zone every 2 s, the uptime every 10 s.
    assert_eq!(counts, [2, 0, 1, 0, 1, 0, 1, 0, 1, 0, 2]);
    assert_eq!(bench.board.next_due_ms(), 12_000);
}

#[test]
fn nonsense_is_absent_with_its_reason_and_recovers() {
    for (text, reason) in [
        ("hello\n", Absence::NotANumber),
        ("", Absence::NotANumber),
        ("-300000\n", Absence::Implausible(-300.0)),
        ("99999999\n", Absence::Implausible(99_999.999)),
        ("nan\n", Absence::NotANumber),
    ] {
        let mut bench = one_zone();
        bench.sample(0);
        assert_eq!(bench.value(Role::SocTemperature, 0).value(), Some(48.0));
        bench.put(ZONE, text);
        assert_eq!(
            absence(bench.sample(2_000).get("thermal:cpu-thermal")),
            Some(reason),
            "{text:?}"
        );
        // The old value is not judged by, however young.
        assert_eq!(bench.value(Role::SocTemperature, 2_000).value(), None);
        bench.put(ZONE, "49000\n");
        assert!(bench.sample(4_000).is_empty(), "backed off");
        bench.sample(6_000);
        assert_eq!(bench.value(Role::SocTemperature, 6_000).value(), Some(49.0));
    }
}

#[test]
fn a_negative_temperature_is_a_temperature() {
    let mut bench = one_zone();
    bench.put(ZONE, "-12500\n");
    bench.sample(0);
    assert_eq!(bench.value(Role::SocTemperature, 0).value(), Some(-12.5));
}

#[test]
fn a_directory_a_pipe_and_a_huge_file_do_no_harm() {
    let mut bench = one_zone();
    bench.sample(0);
    bench.remove(ZONE);
    fs::create_dir(bench.dir.path().join(ZONE)).expect("directory");
    assert_eq!(
        absence(bench.sample(2_000).values().next()),
        Some(Absence::Io(rustix::io::Errno::OPNOTSUPP.raw_os_error()))
    );
    bench.remove(ZONE);
    bench.put(ZONE, &"9".repeat(1 << 20));
    assert!(absence(bench.sample(6_000).values().next()).is_some());
    bench.remove(ZONE);
    rustix::fs::mknodat(
        rustix::fs::CWD,
        bench.dir.path().join(ZONE),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RWXU,
        0,
    )
    .expect("pipe");
    assert!(absence(bench.sample(60_000).values().next()).is_some());
}

#[test]
fn a_value_grows_stale_when_nobody_samples() {
    let mut bench = one_zone();
    bench.sample(0);
    assert_eq!(bench.value(Role::SocTemperature, 6_000).value(), Some(48.0));
    assert!(matches!(
        bench.value(Role::SocTemperature, 6_001),
        Freshness::Stale { why: None, .. }
    ));
}

#[test]
fn the_marker_of_a_synchronised_clock_comes_and_goes() {
    let bench = one_zone();
    fs::create_dir_all(bench.dir.path().join("run/systemd/timesync")).expect("directory");
    let mut bench = Bench {
        board: Board::open(bench.dir.path(), None).expect("board"),
        dir: bench.dir,
    };
    bench.sample(0);
    assert_eq!(bench.value(Role::ClockSynchronised, 0).value(), Some(0.0));
    bench.put("run/systemd/timesync/synchronized", "");
    bench.sample(10_000);
    assert_eq!(
        bench.value(Role::ClockSynchronised, 10_000).value(),
        Some(1.0)
    );
}
