//! What a capture must not contain, taken of a tree full of it.

use std::fs;
use std::path::Path;

use boards::{Board, Tree};

fn put(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().expect("parent")).expect("directory");
    fs::write(path, text).expect("file");
}

#[test]
fn nothing_that_identifies_the_owner_is_in_a_capture() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let root = dir.path();
    for (path, text) in [
        ("proc/sys/kernel/hostname", "falcon-ground-7\n"),
        ("etc/hostname", "falcon-ground-7\n"),
        ("proc/device-tree/model", "Raspberry Pi 4 Model B Rev 1.4\0"),
        ("proc/device-tree/serial-number", "10000000deadbeef\0"),
        (
            "proc/cpuinfo",
            "Model\t: Pi\nSerial\t\t: 10000000deadbeef\n",
        ),
        ("sys/class/net/enxdca632aabbcc/operstate", "up\n"),
        (
            "sys/class/net/enxdca632aabbcc/address",
            "dc:a6:32:aa:bb:cc\n",
        ),
        ("sys/class/net/wlan0/operstate", "up\n"),
        ("sys/class/net/wlan0/wireless/x", ""),
        ("sys/class/power_supply/battery/type", "Battery\n"),
        (
            "sys/class/power_supply/battery/serial_number",
            "SN12345678\n",
        ),
        (
            "sys/class/power_supply/battery/uevent",
            "POWER_SUPPLY_SERIAL_NUMBER=SN12345678\n",
        ),
        (
            "sys/class/power_supply/ble-dc:a6:32:aa:bb:cc/type",
            "Battery\n",
        ),
        (
            "sys/class/power_supply/ble-dc:a6:32:aa:bb:cc/model_name",
            "Mouse of falcon-ground-7\n",
        ),
        ("sys/bus/mmc/devices/mmc0:aaaa/type", "SD\n"),
        ("sys/bus/mmc/devices/mmc0:aaaa/name", "SC16G\n"),
        ("sys/bus/mmc/devices/mmc0:aaaa/serial", "0xcafe1234\n"),
        (
            "sys/bus/mmc/devices/mmc0:aaaa/cid",
            "035344534331364780cafe1234012b00\n",
        ),
        ("sys/class/dmi/id/product_serial", "SN12345678\n"),
        ("sys/class/dmi/id/product_uuid", "4c4c4544-0042\n"),
        ("sys/class/dmi/id/sys_vendor", "Maker\n"),
        ("home/user/secret", "hunter2\n"),
    ] {
        put(root, path, text);
    }
    let mut out = Vec::new();
    let summary = boards::capture(&Tree::open(root).expect("tree"), &mut out).expect("capture");
    let text = String::from_utf8(out).expect("text");
    for secret in [
        "deadbeef", "falcon", "dc:a6", "dca632", "SN1234", "cafe1234", "4c4c4544", "hunter2",
    ] {
        assert!(
            !text.to_lowercase().contains(&secret.to_lowercase()),
            "{secret} in\n{text}"
        );
    }
    assert!(summary.replaced >= 4, "{summary:?}");
    // And what is needed is there: the same sensors by the stand-in names.
    let board = Board::of(Tree::from_manifest(&text).expect("opens"), None);
    let names: Vec<&str> = board
        .sensors()
        .all()
        .iter()
        .map(|s| s.name.as_str())
        .collect();
    assert!(names.contains(&"net:wlan0:up"), "{names:?}");
    assert_eq!(board.detected().profile.id.as_str(), "raspberry-pi-4b");
}

#[test]
fn a_capture_file_opens_by_its_path() {
    let mut out = Vec::new();
    boards::capture(&Tree::live(), &mut out).expect("capture");
    let dir = tempfile::tempdir().expect("temporary directory");
    let file = dir.path().join("board.tree");
    fs::write(&file, out).expect("file");
    let live = Board::open(Path::new("/"), None).expect("live");
    let captured = Board::open(&file, None).expect("capture");
    assert_eq!(captured.detected().profile.id, live.detected().profile.id);
}

#[test]
fn a_file_that_is_no_capture_is_refused_with_a_reason() {
    let dir = tempfile::tempdir().expect("temporary directory");
    put(dir.path(), "x", "hello\n");
    let error = Board::open(&dir.path().join("x"), None)
        .expect_err("no capture")
        .to_string();
    assert!(error.contains("not a boards capture"), "{error}");
    let error = Board::open(&dir.path().join("y"), None)
        .expect_err("missing")
        .to_string();
    assert!(error.contains("give a directory"), "{error}");
}
