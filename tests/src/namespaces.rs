//! A site of network namespaces: one for the gateway, one for each drone's
//! access point, and cables between them. Needs root and `ip`.
//!
//! The gateway's own namespace keeps its interfaces and ports from everything
//! else on the machine. It is reached from the test by a cable of its own.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU8, Ordering};

use anyhow::Context as _;

use crate::{Client, Gateway, GatewayBuilder, gateway};

/// Address of every Tello that is its own access point.
pub const DRONE: Ipv4Addr = Ipv4Addr::new(192, 168, 10, 1);
/// What each of them gives the gateway.
pub const CLIENT: Ipv4Addr = Ipv4Addr::new(192, 168, 10, 2);
/// What a drone gives its second client.
pub const RIVAL: Ipv4Addr = Ipv4Addr::new(192, 168, 10, 3);

/// The gateway on the site's network, and a host beside it.
const AT_SITE: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);
const NEIGHBOUR: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 9);
/// Where drones send their state.
const STATE_PORT: u16 = 8890;

/// A site; its namespaces are removed when it is dropped.
#[derive(Debug)]
pub struct Site {
    tag: String,
    number: u8,
    made: Vec<String>,
    folder: tempfile::TempDir,
}

impl Drop for Site {
    fn drop(&mut self) {
        for name in &self.made {
            // Its processes have ended with their handles; a cable goes with
            // either end.
            drop(run(&["netns", "del", name]));
        }
    }
}

fn run(arguments: &[&str]) -> anyhow::Result<String> {
    let output = Command::new("ip").args(arguments).output().context("ip")?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(
        output.status.success(),
        "ip {}: {complaint}",
        arguments.join(" ")
    );
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

impl Site {
    /// The gateway's namespace; none, and a line that says why, where none can
    /// be made.
    ///
    /// # Errors
    /// What can be made is not as it should be.
    pub fn new(what: &str) -> anyhow::Result<Option<Site>> {
        static NUMBER: AtomicU8 = AtomicU8::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let tag = format!("mfg{}x{number}", std::process::id());
        let mut site = Site {
            tag,
            number,
            made: Vec::new(),
            folder: tempfile::tempdir()?,
        };
        if let Err(error) = site.make("g") {
            crate::skipped(&format!(
                "{what}: no network namespaces here ({error:#}); needs root and iproute2"
            ));
            return Ok(None);
        }
        let (gateway, cable) = (site.name("g"), format!("m{}x{number}", std::process::id()));
        run(&[
            "link", "add", &cable, "type", "veth", "peer", "name", "eth0", "netns", &gateway,
        ])?;
        run(&[
            "addr",
            "add",
            &format!("{}/30", site.address(1)),
            "dev",
            &cable,
        ])?;
        run(&["link", "set", &cable, "up"])?;
        site.inside(
            "g",
            &[
                "addr",
                "add",
                &format!("{}/30", site.address(2)),
                "dev",
                "eth0",
            ],
        )?;
        site.inside("g", &["link", "set", "eth0", "up"])?;
        Ok(Some(site))
    }

    fn name(&self, what: &str) -> String {
        format!("{}{what}", self.tag)
    }

    fn make(&mut self, what: &str) -> anyhow::Result<()> {
        let name = self.name(what);
        run(&["netns", "add", &name])?;
        self.made.push(name.clone());
        self.inside(what, &["link", "set", "lo", "up"])
    }

    fn inside(&self, what: &str, arguments: &[&str]) -> anyhow::Result<()> {
        let name = self.name(what);
        run(&[&["-n", &name], arguments].concat()).map(drop)
    }

    /// Addresses of the test's own cable: of the range for such tests.
    fn address(&self, last: u8) -> Ipv4Addr {
        let place = std::process::id() as usize % 4_000 * 16 + usize::from(self.number) % 16;
        Ipv4Addr::from_bits(
            Ipv4Addr::new(198, 18, 0, 0).to_bits() + place as u32 % 32_000 * 4 + u32::from(last),
        )
    }

    /// The namespace of a drone that is its own access point, without a cable.
    ///
    /// # Errors
    /// `ip` refuses.
    pub fn access_point(&mut self, drone: u8) -> anyhow::Result<()> {
        let what = format!("d{drone}");
        self.make(&what)?;
        // A card of its own, as an access point has: else a bridge takes that of what is
        // plugged into it.
        let card = format!("02:00:00:00:00:{drone:02x}");
        self.inside(
            &what,
            &["link", "add", "ap", "address", &card, "type", "bridge"],
        )?;
        self.inside(&what, &["addr", "add", &format!("{DRONE}/24"), "dev", "ap"])?;
        self.inside(&what, &["link", "set", "ap", "up"])
    }

    /// Connects the gateway to a drone's access point, by its interface `wlan<drone>`.
    ///
    /// # Errors
    /// `ip` refuses.
    pub fn plug(&self, drone: u8) -> anyhow::Result<()> {
        self.cable(&format!("d{drone}"), "g", &format!("wlan{drone}"), CLIENT)
    }

    /// Pulls that interface out, as an unplugged adapter.
    ///
    /// # Errors
    /// It is not there.
    pub fn unplug(&self, drone: u8) -> anyhow::Result<()> {
        self.inside("g", &["link", "del", &format!("wlan{drone}")])
    }

    /// Another host on a drone's network.
    ///
    /// # Errors
    /// `ip` refuses.
    pub fn rival(&mut self, drone: u8) -> anyhow::Result<()> {
        self.make("r")?;
        self.cable(&format!("d{drone}"), "r", "wlan0", RIVAL)
    }

    /// The site's network, in which that drone has an address once it has joined; which one.
    /// The site's router leads everywhere.
    ///
    /// # Errors
    /// `ip` refuses.
    pub fn station(&self, drone: u8) -> anyhow::Result<Ipv4Addr> {
        let (what, gateway) = (format!("d{drone}"), self.name("g"));
        let [a, b, c, _] = AT_SITE.octets();
        let at = Ipv4Addr::new(a, b, c, 50 + drone);
        self.inside(
            &what,
            &[
                "link", "add", "sta", "type", "veth", "peer", "name", "site0", "netns", &gateway,
            ],
        )?;
        self.inside(&what, &["addr", "add", &format!("{at}/24"), "dev", "sta"])?;
        self.inside(&what, &["link", "set", "sta", "up"])?;
        let site = format!("{AT_SITE}/24");
        self.inside("g", &["addr", "add", &site, "dev", "site0"])?;
        self.inside("g", &["link", "set", "site0", "up"])?;
        let router = NEIGHBOUR.to_string();
        self.inside("g", &["route", "add", "default", "via", &router])?;
        Ok(at)
    }

    /// The site's network with a host in it that says it is a drone: whatever it sends the
    /// gateway comes from the address of a plain Tello. The gateway takes packets by any
    /// way that leads back, as boards do (`rp_filter`).
    ///
    /// # Errors
    /// `ip` refuses.
    pub fn impostor(&mut self) -> anyhow::Result<()> {
        self.make("s")?;
        let gateway = self.name("g");
        self.inside(
            "s",
            &[
                "link", "add", "eth0", "type", "veth", "peer", "name", "site0", "netns", &gateway,
            ],
        )?;
        self.inside("s", &["addr", "add", &format!("{DRONE}/32"), "dev", "lo"])?;
        self.inside(
            "s",
            &["addr", "add", &format!("{NEIGHBOUR}/24"), "dev", "eth0"],
        )?;
        self.inside("s", &["link", "set", "eth0", "up"])?;
        let site = format!("{AT_SITE}/24");
        self.inside("g", &["addr", "add", &site, "dev", "site0"])?;
        self.inside("g", &["link", "set", "site0", "up"])?;
        let to = AT_SITE.to_string();
        let from = DRONE.to_string();
        self.inside("s", &["route", "add", &to, "dev", "eth0", "src", &from])?;
        // The site's router leads everywhere, also where a drone's network is gone.
        let router = NEIGHBOUR.to_string();
        self.inside("g", &["route", "add", "default", "via", &router])?;
        for interface in ["all", "site0"] {
            let loose = format!("echo 2 > /proc/sys/net/ipv4/conf/{interface}/rp_filter");
            run(&["netns", "exec", &gateway, "sh", "-c", &loose])?;
        }
        Ok(())
    }

    /// The rival of [`Site::rival`] writes the drone's address on what it sends the gateway,
    /// in the drone's own network; it does not answer for the address.
    ///
    /// # Errors
    /// `ip` refuses.
    pub fn neighbour_turns_impostor(&mut self, drone: u8) -> anyhow::Result<()> {
        self.rival(drone)?;
        let quiet = "echo 1 > /proc/sys/net/ipv4/conf/all/arp_ignore";
        run(&["netns", "exec", &self.name("r"), "sh", "-c", quiet])?;
        let (from, to) = (DRONE.to_string(), CLIENT.to_string());
        self.inside("r", &["addr", "add", &format!("{from}/32"), "dev", "lo"])?;
        self.inside("r", &["route", "add", &to, "dev", "wlan0", "src", &from])
    }

    /// Has the impostor send as many states of a flying drone with that battery, at twice
    /// a drone's pace, to the gateway's state port.
    ///
    /// # Errors
    /// It cannot.
    pub async fn impersonate(&self, datagrams: u32, battery_pct: u8) -> anyhow::Result<()> {
        self.send_states("s", AT_SITE, (datagrams, battery_pct))
            .await
    }

    /// The same by the impostor in the drone's own network.
    ///
    /// # Errors
    /// It cannot.
    pub async fn impersonate_beside(&self, datagrams: u32, battery_pct: u8) -> anyhow::Result<()> {
        self.send_states("r", CLIENT, (datagrams, battery_pct))
            .await
    }

    async fn send_states(
        &self,
        host: &str,
        to: Ipv4Addr,
        (datagrams, battery_pct): (u32, u8),
    ) -> anyhow::Result<()> {
        // Bash sends datagrams by itself.
        let script = format!(
            "for n in $(seq {datagrams}); do printf 'pitch:0;roll:0;yaw:0;vgx:0;vgy:0;vgz:0;templ:58;\
temph:60;tof:80;h:80;bat:{battery_pct};baro:44.00;time:%d;agx:0.00;agy:0.00;agz:-999.00;\r\n' $((900 + n / 20)) \
> /dev/udp/{to}/{STATE_PORT}; sleep 0.05; done"
        );
        let mut command = self.command(host, Path::new("bash"));
        let status = command.args(["-c", &script]).status().await?;
        anyhow::ensure!(status.success(), "the impostor fails: {status}");
        Ok(())
    }

    fn cable(
        &self,
        drone: &str,
        host: &str,
        interface: &str,
        address: Ipv4Addr,
    ) -> anyhow::Result<()> {
        let (theirs, ours) = (format!("{host}{interface}"), self.name(host));
        self.inside(
            drone,
            &[
                "link", "add", &theirs, "type", "veth", "peer", "name", interface, "netns", &ours,
            ],
        )?;
        self.inside(drone, &["link", "set", &theirs, "master", "ap"])?;
        self.inside(drone, &["link", "set", &theirs, "up"])?;
        self.inside(
            host,
            &["addr", "add", &format!("{address}/24"), "dev", interface],
        )?;
        self.inside(host, &["link", "set", interface, "up"])
    }

    /// A command that runs `program` in a namespace: `g`, `r`, or `d1` and so on.
    #[must_use]
    pub fn command(&self, what: &str, program: &Path) -> tokio::process::Command {
        let mut command = tokio::process::Command::new("ip");
        command
            .args(["netns", "exec", &self.name(what)])
            .arg(program);
        command
    }

    /// A program that runs the gateway in its namespace.
    fn wrapper(&self) -> anyhow::Result<PathBuf> {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.folder.path().join("gateway");
        let binary = gateway::binary().display();
        std::fs::write(
            &path,
            format!(
                "#!/bin/sh\nexec ip netns exec {} {binary} \"$@\"\n",
                self.name("g")
            ),
        )?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
        Ok(path)
    }

    /// A gateway in its namespace, which hears drones on every interface.
    ///
    /// # Errors
    /// The temporary directory cannot be written.
    pub fn builder(&self) -> anyhow::Result<GatewayBuilder> {
        let builder = Gateway::builder().binary(&self.wrapper()?);
        // The range is nobody's own: the authority vouches for it where it is told to.
        let names = format!("[tls]\nnames = [\"{}\"]", self.address(2));
        Ok(builder
            .config(&names)
            .env("MFG_DRONE_SERVER__LISTEN", &self.listen().to_string())
            .env("MFG_DRONE_DRONES__BIND", "0.0.0.0"))
    }

    fn listen(&self) -> SocketAddr {
        SocketAddr::new(self.address(2).into(), 8443)
    }

    /// A client of that gateway with a key.
    ///
    /// # Errors
    /// The authority's certificate cannot be read.
    pub fn client(&self, gateway: &Gateway, key: &str) -> anyhow::Result<Client> {
        Ok(Client::https(self.listen(), &gateway.state().join("tls/ca.pem"))?.with_key(key))
    }
}
