//! Sampling allocates nothing, counted by an allocator, with descriptors kept
//! open as on a running board and with files opened anew.

use std::path::Path;

use boards::{Board, Handles, Tree};

fn board(name: &str, handles: Handles) -> Board {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/trees/{name}.tree"));
    Board::of(Tree::open(&path).expect("tree").with_handles(handles), None)
}

#[test]
fn sampling_allocates_nothing() {
    for name in ["pi-4b", "pi-4b-ups", "rock-5b", "jetson-orin-nano", "x86"] {
        for handles in [Handles::Keep, Handles::Reopen] {
            for inline in [false, true] {
                let mut board = board(name, handles);
                if inline {
                    // What the reader does, where the counter sees it.
                    board = board.read_inline();
                }
                let mut readings = 0_u32;
                let info = allocation_counter::measure(|| {
                    // Twenty minutes: every rate but the wear's comes up, the class
                    // directories are looked at a hundred times, and the zones of
                    // the Jetson that have no value back off.
                    for second in 0..1_200 {
                        board.sample(second * 1_000, &mut |_, _| readings += 1);
                    }
                });
                assert!(readings > 3_000, "{name}: {readings}");
                assert_eq!(info.count_total, 0, "{name}, {handles:?}, inline {inline}");
            }
        }
    }
}

/// As many as a large board has.
#[test]
fn sixty_sensors_cost_no_allocation() {
    let mut text = String::from("# boards manifest 1\n");
    for chip in 0..15 {
        let path = format!("/sys/class/hwmon/hwmon{chip}");
        let bus = chip % 6;
        text +=
            &format!("{path}/name = \"ina3221\\n\"\n{path}/device -> ../../../{bus}-{chip:04x}\n");
        for channel in 0..4 {
            text += &format!("{path}/in{channel}_input = \"5000\\n\"\n");
        }
    }
    let tree = Tree::from_manifest(&text)
        .expect("tree")
        .with_handles(Handles::Keep);
    let mut board = Board::of(tree, None).read_inline();
    assert_eq!(board.sensors().all().len(), 60);
    let mut readings = 0_u32;
    let info = allocation_counter::measure(|| {
        for second in 0..600 {
            board.sample(second * 1_000, &mut |_, _| readings += 1);
        }
    });
    assert_eq!((info.count_total, readings), (0, 60 * 300));
}

/// Whatever sensors this machine has; the clock at least is asked here. Where a
/// machine is set up for more (`tests/emulated`, with its simulated radios), the
/// variable names a sensor of a radio that must have a value, so that it cannot be
/// missed.
#[test]
fn asking_the_running_kernel_allocates_nothing() {
    let mut board = Board::of(Tree::live(), None).read_inline();
    let info = allocation_counter::measure(|| {
        // Without its searches for devices, which this machine may make due.
        for second in 0..9 {
            board.sample(second * 1_000, &mut |_, _| ());
        }
    });
    assert_eq!(info.count_total, 0);
    if let Ok(wanted) = std::env::var("BOARD_HAS") {
        let (index, sensor) = board
            .sensors()
            .iter()
            .find(|(_, sensor)| sensor.name == wanted)
            .expect("the sensor");
        assert!(
            sensor.source.starts_with("nl80211"),
            "{wanted} is read from {}",
            sensor.source
        );
        let now = board.sensors().value(index, 8_000);
        assert!(now.value().is_some(), "{wanted}: {now:?}");
    }
}

#[test]
fn a_search_for_devices_does_allocate() {
    // Otherwise the counter above counts nothing.
    let info = allocation_counter::measure(|| drop(board("pi-4b", Handles::Keep)));
    assert!(info.count_total > 100);
}
