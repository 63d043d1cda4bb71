//! Two USB ports alike, of which one is the board: the real gateway finds it, and harms
//! nobody on the way. In a mount namespace of its own it sees USB ports that are
//! pseudo-terminals; needs root.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use gateway_tests::bridge::SimulatedBoard;
use gateway_tests::{Gateway, eventually};
use serialport::{SerialPort as _, TTYPort};

use crate::bridge_line::{alert, bridge, is_over, quiet, stands};

/// The USB ports that a gateway sees, all of one vendor and product, and the devices in
/// them: one folder, which the namespace has in place of the machine's own.
struct Usb {
    dir: tempfile::TempDir,
}

impl Usb {
    /// Without any port; none where no mounts of one's own can be made, which is said.
    fn new() -> anyhow::Result<Option<Usb>> {
        let dir = tempfile::tempdir()?;
        for part in ["class", "host", "ports", "bus/usb"] {
            std::fs::create_dir_all(dir.path().join(part))?;
        }
        let usb = Usb { dir };
        let wrapper = format!(
            "#!/bin/sh\nexec unshare --mount sh -c '{} && exec \"$@\"' sh {} \"$@\"\n",
            usb.mounts(),
            gateway_tests::gateway::binary().display()
        );
        std::fs::write(usb.gateway(), wrapper)?;
        std::fs::set_permissions(usb.gateway(), std::fs::Permissions::from_mode(0o755))?;
        let tried = std::process::Command::new("unshare")
            .args(["--mount", "sh", "-c", &usb.mounts()])
            .output();
        if !tried.is_ok_and(|tried| tried.status.success()) {
            gateway_tests::skipped("two USB ports alike: no mounts of one's own here; needs root");
            return Ok(None);
        }
        Ok(Some(usb))
    }

    /// The machine's devices stay where they were, by links; two ports join them.
    fn mounts(&self) -> String {
        let here = self.dir.path().display();
        format!(
            "mount --rbind /dev {here}/host && mount -t tmpfs none /dev && ln -s {here}/host/* /dev/ \
             && ln -s {here}/ports/ttyACM0 {here}/ports/ttyACM1 /dev/ && mount --bind {here}/class /sys/class/tty"
        )
    }

    /// The gateway that sees them.
    fn gateway(&self) -> PathBuf {
        self.dir.path().join("gateway")
    }

    /// Where the device of port `name` is, a link to a terminal.
    fn device(&self, name: &str) -> PathBuf {
        self.dir.path().join("ports").join(name)
    }

    /// What the kernel says of the port `name` as soon as something is plugged into it.
    fn describe(&self, name: &str) -> anyhow::Result<()> {
        let device = self.dir.path().join(format!("devices/{name}"));
        let interface = device.join("1-1:1.0");
        std::fs::create_dir_all(&interface)?;
        std::fs::write(device.join("idVendor"), "2e8a\n")?;
        std::fs::write(device.join("idProduct"), "000a\n")?;
        symlink(self.dir.path().join("bus/usb"), interface.join("subsystem"))?;
        let class = self.dir.path().join("class").join(name);
        std::fs::create_dir(&class)?;
        symlink(&interface, class.join("device"))?;
        Ok(())
    }
}

/// A device that is none of ours and says its words again and again; what was said to it.
struct Foreign {
    heard: Arc<Mutex<Vec<u8>>>,
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Foreign {
    fn plug_in(link: &Path, words: &'static [u8]) -> anyhow::Result<Foreign> {
        let (mut master, slave) = TTYPort::pair()?;
        master.set_timeout(Duration::from_millis(20))?;
        symlink(slave.name().unwrap(), link)?;
        let heard = Arc::new(Mutex::new(Vec::new()));
        let ends = Arc::new(AtomicBool::new(false));
        let (ears, ended) = (heard.clone(), ends.clone());
        let thread = std::thread::spawn(move || {
            let _slave = slave;
            let mut bytes = [0; 256];
            while !ended.load(Ordering::Acquire) {
                // The reading is what waits.
                let count = master.read(&mut bytes).unwrap_or(0);
                ears.lock().unwrap().extend_from_slice(&bytes[..count]);
                // Nobody reads: its words are lost, as on any line.
                drop(master.write(words));
            }
        });
        Ok(Foreign {
            heard,
            ends,
            thread: Some(thread),
        })
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Release);
        drop(self.thread.take().map(JoinHandle::join));
    }
}

const REPL: &[u8] = b"MicroPython v1.22 on 2024-01-05\r\n>>> ";
const NOISE: &[u8] = &[0xff, 0x93, 0xe0, 0x1c, 0x80, 0xa7, 0x11, 0xfe];

#[tokio::test]
async fn of_two_ports_alike_the_board_is_found_and_the_other_left_alone() -> anyhow::Result<()> {
    for (words, whose) in [(REPL, "MicroPython v1.22"), (NOISE, "not ours")] {
        let Some(usb) = Usb::new()? else {
            return Ok(());
        };
        let (first, second) = (usb.device("ttyACM0"), usb.device("ttyACM1"));
        let foreign = Foreign::plug_in(&first, words)?;
        let mut board = SimulatedBoard::plug_in(&second).await?;
        usb.describe("ttyACM0")?;
        usb.describe("ttyACM1")?;
        let section = "[[bridge]]\nname = \"mast\"\nselector = \"2e8a:000a\"\nbattery_cells = 3\n";
        let gateway = Gateway::builder()
            .config(&(quiet() + section))
            .binary(&usb.gateway())
            .start()
            .await?;
        let admin = gateway.admin()?;
        let live = bridge(&admin, "mast", |bridge| bridge["state"] == "live").await?;
        assert_eq!(live["board"], "simulated", "{live}");
        let said = gateway.output();
        let line = said.lines().find(|line| line.contains("/dev/ttyACM0"));
        let line = line.unwrap_or_else(|| panic!("{said}"));
        assert!(line.contains("not ours") && line.contains(whose), "{line}");

        // The cable is out: the other is named by what it says, and the board found again.
        board.order("unplug").await?;
        eventually("the other one is named", || async {
            let lost = alert(&admin, "Bridge Lost", "bridge/mast", stands).await?;
            let said = lost["message"].as_str().unwrap();
            Ok((said.contains("/dev/ttyACM0") && said.contains(whose)).then_some(()))
        })
        .await?;
        board.order("plug").await?;
        bridge(&admin, "mast", |bridge| bridge["state"] == "live").await?;
        alert(&admin, "Bridge Lost", "bridge/mast", is_over).await?;
        let heard = foreign.heard.lock().unwrap().clone();
        assert_eq!(heard, b"", "said to {whose}");
    }
    Ok(())
}
