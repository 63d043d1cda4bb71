//! The board: performs what the machines decide.
//!
//! One arm of [`Host::perform`] for each action, each a few lines over files and
//! the tools of the image (RAUC, libubootenv, dpkg, systemd). What a tool says when
//! it fails becomes the answer; whether that matters is not decided here.

mod files;
mod rauc;
mod tools;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use mfg_update::bundle::{REQUEST_BYTES, Request, Stick};
use mfg_update::machine::{Evidence, Patience, Trial};
use mfg_update::slot::{BootChange, BootState, Slot};
use mfg_update::status::{self, Slots, Status};
use mfg_update::{Action, Answer, Board, Observed, Reach};

pub(crate) use files::{Places, lock};
use tools::{Mounted, run};

/// Something that cannot be done, what it was and why.
#[derive(Debug)]
pub(crate) struct Fault(pub(crate) String);

impl Fault {
    fn at(path: &Path, error: &std::io::Error) -> Fault {
        Fault(format!("{}: {error}", path.display()))
    }
}

/// A copy of the store takes a second or two; a gateway that is stuck must not hold
/// the update, which does without one.
const BACKUP_LIMIT: Duration = Duration::from_secs(120);

/// A gateway that says nothing for so long is not well: `health` itself gives up
/// after ten seconds with each of two questions.
const HEALTH_LIMIT: Duration = Duration::from_secs(30);

/// The line with which `mfg-drone-gateway health` says that a request from another
/// machine was answered since the gateway's start, with a key.
const ASKED: &str = "asked from outside";

/// The exit code of `mfg-drone-gateway health --grounded` when drones fly.
const FLYING: i32 = 3;

/// This board.
#[derive(Debug)]
pub(crate) struct Host {
    places: Places,
    slot: Slot,
    version: String,
    compatible: String,
    /// What was told last.
    told: Status,
    stick: Option<PathBuf>,
    mounted: Option<Mounted>,
    /// The bundle that is installed.
    bundle: PathBuf,
}

impl Host {
    /// The board that was started from an image.
    pub(crate) fn new(places: Places) -> Result<Host, Fault> {
        let slot = Slot::booted(&files::read(&places.command_line)?).ok_or_else(|| {
            Fault("the kernel's arguments name no slot (rauc.slot=A or B): this system was not started from an image".to_owned())
        })?;
        let release = files::read(&places.release)?;
        let value = |name| {
            let found = files::value(&release, name);
            found.ok_or_else(|| Fault(format!("{} has no {name}", places.release.display())))
        };
        let (version, compatible) = (value("VERSION")?, value("COMPATIBLE")?);
        let told = Status::parse(&files::read_or_empty(&places.state));
        Ok(Host {
            bundle: places.work.join("upload.raucb"),
            places,
            slot,
            version,
            compatible,
            told,
            stick: None,
            mounted: None,
        })
    }

    /// The slot that runs.
    pub(crate) fn slot(&self) -> Slot {
        self.slot
    }

    /// The stick that bundles are looked for on.
    pub(crate) fn use_stick(&mut self, device: &Path) {
        self.stick = Some(device.to_owned());
    }

    /// All that the machines ask for at first.
    pub(crate) fn observe(&self) -> Observed {
        let text = |path: &Path| Some(files::read_or_empty(path)).filter(|text| !text.is_empty());
        Observed {
            slot: self.slot,
            version: self.version.clone(),
            compatible: self.compatible.clone(),
            status: self.told.clone(),
            trial: text(&self.places.trial).and_then(|lines| Trial::parse(&lines)),
            failure: text(&self.places.failure),
            other_version: self.version_in(self.slot.other()),
            boot: self.boot_state(),
            remembers: !self.places.data_lost.exists(),
        }
    }

    fn version_in(&self, slot: Slot) -> Option<String> {
        let version = files::read_or_empty(&self.places.version(slot));
        Some(version.trim_end().to_owned()).filter(|version| !version.is_empty())
    }

    /// The oldest version that may be installed: before an update was kept, what runs.
    fn floor(&self) -> String {
        let floor = files::read_or_empty(&self.places.floor);
        match floor.trim_end() {
            "" => self.version.clone(),
            floor => floor.to_owned(),
        }
    }

    /// What the boot script will read. A name that cannot be read is empty.
    pub(crate) fn boot_state(&self) -> BootState {
        let value = |name: &str| {
            let printed = run(Command::new("fw_printenv").arg("-n").arg(name), None);
            printed.unwrap_or_default()
        };
        BootState::parse(
            &value("BOOT_ORDER"),
            &value("BOOT_A_LEFT"),
            &value("BOOT_B_LEFT"),
        )
    }

    /// How long a trial is judged: the image may say otherwise than the program.
    pub(crate) fn patience(&self) -> Patience {
        let text = files::read_or_empty(&self.places.settings);
        let seconds = |name| files::value(&text, name).and_then(|value| value.parse().ok());
        let usual = Patience::default();
        Patience {
            hold_s: seconds("hold_s").unwrap_or(usual.hold_s),
            patience_s: seconds("patience_s").unwrap_or(usual.patience_s),
        }
    }

    fn show(&self, progress_pct: Option<u8>) -> Result<(), Fault> {
        let other_version = self.version_in(self.slot.other());
        let slots = Slots {
            running: self.slot,
            running_version: &self.version,
            other_version: other_version.as_deref(),
            boot: self.boot_state(),
        };
        files::show(
            &self.places.status,
            &status::json(&self.told, &slots, progress_pct),
        )
    }

    fn tell(&mut self, status: &Status) -> Result<(), Fault> {
        self.told = Status {
            changed: jiff::Timestamp::now().strftime("%FT%TZ").to_string(),
            ..status.clone()
        };
        crate::log(&self.told.log_line());
        files::put(&self.places.state, &self.told.lines())?;
        self.show(None)
    }

    fn switch(&self, change: &BootChange) -> Result<(), Fault> {
        tools::feed(
            Command::new("fw_setenv").args(["-s", "-"]),
            &change.script(),
        )
    }

    /// Both are renamed out of the reach of the gateway's user before they are looked
    /// at; a name that leads elsewhere moves as the link it is, and is refused.
    fn take_request(&self) -> Result<Request, Fault> {
        let names = ["request", "upload.raucb"];
        // Both before anything is judged: a request that stays starts this program again.
        let taken = names.map(|name| {
            let (from, to) = (self.places.spool.join(name), self.places.work.join(name));
            std::fs::rename(from, &to).and_then(|()| to.symlink_metadata())
        });
        for (name, found) in names.iter().zip(taken) {
            if !found.is_ok_and(|found| found.is_file()) {
                return Err(Fault(format!("the spool held no {name}")));
            }
        }
        let text = files::read_at_most(&self.places.work.join("request"), REQUEST_BYTES)?;
        Ok(Request::parse(&text))
    }

    fn open_stick(&mut self) -> Result<Stick, Fault> {
        let device = self.stick.clone().unwrap_or_default();
        let mounted = Mounted::read_only(&device, &self.places.mounted)?;
        let place = mounted.place().to_owned();
        self.mounted = Some(mounted);
        let bundles = files::bundles(&place)?;
        if let Some(first) = bundles.first() {
            self.bundle.clone_from(first);
        }
        Ok(Stick {
            bundles: bundles.len(),
            allow_downgrade: place.join("allow-downgrade").exists(),
            try_again: place.join("try-again").exists(),
        })
    }

    fn write(&self) -> Result<(), Fault> {
        rauc::install(&self.bundle, |progress_pct| {
            // (Told again with the next line; a full data partition stops no update.)
            let _ = self.show(Some(progress_pct));
        })
    }

    fn keep_store(&self) -> Result<(), Fault> {
        files::remove(&self.places.store_copy)?;
        let mut backup = Command::new("runuser");
        backup.args(["-u", "mfg-drone", "--", "mfg-drone-gateway", "backup"]);
        run(backup.arg(&self.places.store_copy), Some(BACKUP_LIMIT))
            .map(drop)
            .map_err(|why| Fault(format!("no copy of the store was made: {}", why.0)))
    }

    fn is_flying() -> bool {
        let mut health = Command::new("mfg-drone-gateway");
        tools::code(health.args(["health", "--grounded"]), HEALTH_LIMIT) == Some(FLYING)
    }

    /// The cable is the site's network; a Wi-Fi is when the board's file says so.
    fn look_around(&self) -> Result<Reach, Fault> {
        let ip = |what| run(Command::new("ip").args(["-json", what, "show"]), None);
        let (addresses, neighbours) = (ip("address")?, ip("neighbour")?);
        let is_site = |name: &str| name.starts_with('e') || self.places.site_wifi(name).exists();
        Ok(Reach::seen(&addresses, &neighbours, is_site))
    }

    fn gather(&self) -> Evidence {
        // The moment before: a look takes seconds itself.
        let now_s = uptime_s();
        let gateway = run(
            Command::new("mfg-drone-gateway").arg("health"),
            Some(HEALTH_LIMIT),
        );
        let asked = |said: &String| said.lines().any(|line| line == ASKED);
        Evidence {
            now_s,
            asked: gateway.as_ref().is_ok_and(asked),
            gateway: gateway.map(drop).map_err(|fault| fault.0),
            // A tool that fails shows nothing, and a system without it is left.
            reach: self.look_around().unwrap_or_default(),
        }
    }
}

impl Board for Host {
    fn perform(&mut self, action: &Action) -> Answer {
        let places = &self.places;
        let done = match action {
            Action::Tell(status) => self.tell(status),
            Action::Show => self.show(None),
            Action::Log(line) => {
                crate::log(line);
                Ok(())
            }
            Action::RecordVersion(slot, version) => {
                files::put(&places.version(*slot), &format!("{version}\n"))
            }
            Action::ForgetVersion(slot) => files::remove(&places.version(*slot)),
            Action::RecordTrial(trial) => files::put(&places.trial, &trial.lines()),
            Action::ForgetTrial => files::remove(&places.trial),
            Action::RecordFailure(why) => files::put(&places.failure, &format!("{why}\n")),
            Action::ForgetFailure => files::remove(&places.failure),
            Action::Switch(change) => self.switch(change),
            Action::ClearWork => files::clear(&places.work),
            Action::TakeRequest => return self.take_request().map_or_else(failed, Answer::Request),
            Action::OpenStick => return self.open_stick().map_or_else(failed, Answer::Stick),
            Action::Inspect => {
                let offer = rauc::inspect(&self.bundle, &self.version, &self.floor());
                return offer.map_or_else(failed, Answer::Offer);
            }
            Action::Verify => rauc::verify(&self.bundle),
            Action::Write => self.write(),
            Action::SetFloor { version, lower } => {
                if *lower || !rauc::is_older(version, &self.floor()) {
                    files::put(&places.floor, &format!("{version}\n"))
                } else {
                    Ok(())
                }
            }
            Action::KeepStore => self.keep_store(),
            Action::AskAir => {
                let now_s = uptime_s();
                let flying = Host::is_flying();
                return Answer::Air { flying, now_s };
            }
            Action::LookAround => {
                return self.look_around().map_or_else(failed, |reach| {
                    crate::log(&format!(
                        "of the site's network there is: {}",
                        reach.words()
                    ));
                    Answer::Reach(reach)
                });
            }
            Action::Gather => return Answer::Evidence(self.gather()),
            Action::Pause(pause_s) => {
                std::thread::sleep(Duration::from_secs(*pause_s));
                Ok(())
            }
            Action::Reboot => run(Command::new("systemctl").arg("reboot"), None).map(drop),
            Action::ForceReboot => {
                run(Command::new("systemctl").args(["reboot", "--force"]), None).map(drop)
            }
            Action::End(_) => Ok(()),
        };
        done.map_or_else(failed, |()| Answer::Done)
    }
}

fn failed(fault: Fault) -> Answer {
    Answer::Failed(fault.0)
}

/// Seconds since the kernel's start.
pub(crate) fn uptime_s() -> u64 {
    let since = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    u64::try_from(since.tv_sec).unwrap_or(0)
}
