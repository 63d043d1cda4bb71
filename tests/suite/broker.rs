//! MQTT as a real Mosquitto and its own clients see it: values and availability, every
//! alert over an outage, orders that are fresh and no others, certificates.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use gateway_tests::{Gateway, PATIENCE, eventually, skipped, spare_port};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use crate::webhooks::{edge, notifying};

const MOSQUITTO: &str = "/usr/sbin/mosquitto";
const SUBSCRIBER: &str = "/usr/bin/mosquitto_sub";

/// Whether Debian's broker and its clients are there.
fn is_there() -> bool {
    let found = Path::new(MOSQUITTO).exists() && Path::new(SUBSCRIBER).exists();
    if !found {
        skipped("MQTT needs Mosquitto (apt-get install mosquitto mosquitto-clients)");
    }
    found
}

/// A broker, and somebody who notes everything that it passes on.
struct Broker {
    folder: TempDir,
    port: u16,
    process: Option<Child>,
    listener: Option<Child>,
}

/// A message as the listener got it.
#[derive(Clone, Debug)]
struct Message {
    retained: bool,
    qos: u8,
    topic: String,
    payload: String,
}

impl Message {
    fn json(&self) -> Value {
        serde_json::from_str(&self.payload).unwrap()
    }
}

impl Broker {
    /// `lines` are added to its configuration.
    async fn start(lines: &str) -> anyhow::Result<Broker> {
        let folder = tempfile::tempdir()?;
        let port = spare_port();
        let config = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nuser root\n{lines}\n"
        );
        std::fs::write(folder.path().join("broker.conf"), config)?;
        let mut broker = Broker {
            folder,
            port,
            process: None,
            listener: None,
        };
        broker.rise().await?;
        Ok(broker)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts it, and the listener.
    async fn rise(&mut self) -> anyhow::Result<()> {
        let log = std::fs::File::create(self.file("broker.log"))?;
        self.process = Some(
            Command::new(MOSQUITTO)
                .arg("-c")
                .arg(self.file("broker.conf"))
                .stderr(log)
                .kill_on_drop(true)
                .spawn()?,
        );
        eventually("the broker", || async {
            let connected = tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await;
            Ok(connected.ok())
        })
        .await?;
        let heard = std::fs::File::options()
            .create(true)
            .append(true)
            .open(self.file("heard"))?;
        let port = self.port.to_string();
        self.listener = Some(
            Command::new(SUBSCRIBER)
                .args(["-V", "5", "-p", &port, "-q", "1", "-F", "%r %q %t %p"])
                .args(["-t", "mfg-drone/#", "-t", "homeassistant/#"])
                .stdout(heard)
                .stderr(Stdio::null())
                .kill_on_drop(true)
                .spawn()?,
        );
        Ok(())
    }

    async fn fall(&mut self) -> anyhow::Result<()> {
        for mut process in [self.listener.take(), self.process.take()]
            .into_iter()
            .flatten()
        {
            process.kill().await?;
        }
        Ok(())
    }

    fn heard(&self) -> anyhow::Result<Vec<Message>> {
        let text = std::fs::read_to_string(self.file("heard"))?;
        let message = |line: &str| {
            let mut parts = line.splitn(4, ' ');
            Some(Message {
                retained: parts.next()? == "1",
                qos: parts.next()?.parse().ok()?,
                topic: parts.next()?.to_owned(),
                payload: parts.next()?.to_owned(),
            })
        };
        Ok(text.lines().filter_map(message).collect())
    }

    /// The first message to a topic that fulfils `is`.
    async fn hears(&self, topic: &str, is: impl Fn(&Message) -> bool) -> anyhow::Result<Message> {
        eventually(topic, || async {
            let heard = self.heard()?.into_iter();
            let mut found = heard.filter(|one| one.topic == topic);
            Ok(found.find(|one| is(one)))
        })
        .await
    }

    /// Gives an order that expires, until its outcome is as wanted: what a busy machine hands
    /// on after its two seconds is rightly gone, and is given anew with another id.
    async fn ordered(
        &self,
        topic: &str,
        command: &str,
        outcome: &str,
        is: impl Fn(&Message) -> bool,
    ) -> anyhow::Result<Message> {
        let fresh = ["-D", "publish", "message-expiry-interval", "2"];
        for id in 0..10 {
            let order = format!(r#"{{"command":"{command}","id":"{command} {id}"}}"#);
            self.publish(topic, &order, &fresh).await?;
            let heard = self.hears(outcome, &is);
            if let Ok(heard) = tokio::time::timeout(PATIENCE / 6, heard).await {
                return heard;
            }
        }
        anyhow::bail!(
            "ten orders to {command} without the outcome: {:?}",
            self.heard()?
        )
    }

    /// Publishes as somebody on the site would.
    async fn publish(&self, topic: &str, payload: &str, more: &[&str]) -> anyhow::Result<()> {
        let port = self.port.to_string();
        let status = Command::new("/usr/bin/mosquitto_pub")
            .args(["-V", "5", "-p", &port, "-t", topic, "-m", payload])
            .args(more)
            .status()
            .await?;
        anyhow::ensure!(status.success(), "mosquitto_pub: {status}");
        Ok(())
    }
}

fn section(broker: &Broker, lines: &str) -> String {
    format!(
        "[gateway]\nname = \"Roof\"\n[mqtt]\nurl = \"mqtt://127.0.0.1:{}\"\nreadings_every_s = 1\n{lines}\n",
        broker.port
    )
}

#[tokio::test]
async fn one_line_brings_values_inventory_and_the_last_will() -> anyhow::Result<()> {
    if !is_there() {
        return Ok(());
    }
    let broker = Broker::start("").await?;
    let mut gateway = notifying(&section(&broker, "home_assistant = true\n"))
        .start()
        .await?;
    let admin = gateway.admin()?;
    edge(&gateway, &admin).await?;
    let there = broker.hears("mfg-drone/Roof/availability", |one| one.payload == "online");
    there.await?;
    let inventory = broker
        .hears("mfg-drone/Roof/inventory", |_| true)
        .await?
        .json();
    assert_eq!(inventory["drones"][0]["topic"], "mfg-drone/Roof/drones/d1");
    let state = broker.hears("mfg-drone/Roof/drones/d1/state", |one| {
        one.json()["battery_pct"] == 40
    });
    assert_eq!(state.await?.json()["name"], "d1");
    broker.hears("mfg-drone/Roof/board/state", |_| true).await?;
    let alert = broker.hears("mfg-drone/Roof/alert", |one| one.payload.contains("Edge"));
    let alert = alert.await?;
    assert_eq!((alert.qos, alert.retained), (1, false));
    assert_eq!(alert.json()["gateway"]["name"], "Roof");
    let standing = broker.hears("mfg-drone/Roof/alerts", |one| {
        one.json()["subjects"]["d1"] == 1
    });
    standing.await?;
    let device = broker.hears("homeassistant/device/mfg_drone_Roof_d1/config", |_| true);
    assert_eq!(
        device.await?.json()["cmps"]["land"].get("command_topic"),
        None
    );
    // Without power the broker says it in the gateway's place.
    gateway.kill().await?;
    broker
        .hears("mfg-drone/Roof/availability", |one| {
            one.payload == "offline"
        })
        .await?;
    Ok(())
}

#[tokio::test]
async fn every_alert_arrives_over_an_outage_of_the_broker() -> anyhow::Result<()> {
    if !is_there() {
        return Ok(());
    }
    let mut broker = Broker::start("").await?;
    let mut gateway = notifying(&section(&broker, "")).start().await?;
    let admin = gateway.admin()?;
    broker
        .hears("mfg-drone/Roof/availability", |one| one.payload == "online")
        .await?;
    broker.fall().await?;
    let id = edge(&gateway, &admin).await?;
    admin
        .post(&format!("/api/alerts/{id}/acknowledge"))
        .await?
        .expect(200);
    // Not even a gateway that is killed meanwhile forgets one.
    gateway.kill().await?;
    gateway.restart().await?;
    let admin = gateway.admin()?;
    admin
        .post(&format!("/api/alerts/{id}/resolve"))
        .await?
        .expect(200);
    broker.rise().await?;
    let events = eventually("all three events", || async {
        let heard = broker.heard()?.into_iter();
        let events: Vec<String> = heard
            .filter(|one| one.topic == "mfg-drone/Roof/alert" && one.json()["alert"]["id"] == id)
            .map(|one| one.json()["event"].as_str().unwrap().to_owned())
            .collect();
        Ok(events.contains(&"resolved".to_owned()).then_some(events))
    })
    .await?;
    assert_eq!(events, ["raised", "acknowledged", "resolved"]);
    Ok(())
}

#[tokio::test]
async fn only_a_fresh_order_brings_a_drone_down() -> anyhow::Result<()> {
    if !is_there() {
        return Ok(());
    }
    let broker = Broker::start("").await?;
    // One that the broker has kept from before is not even asked for.
    let topic = "mfg-drone/Roof/drones/d1/command";
    let kept = r#"{"command":"land","id":"kept"}"#;
    broker.publish(topic, kept, &["-r"]).await?;
    let gateway = Gateway::builder()
        .drone("d1", 2)
        .config(&section(&broker, "commands = true\n"))
        .start()
        .await?;
    broker
        .hears("mfg-drone/Roof/availability", |one| one.payload == "online")
        .await?;
    let outcome = "mfg-drone/Roof/drones/d1/command/outcome";
    // (Listened to before it says that it is there; a broker takes one after the other.)
    broker
        .ordered(topic, "takeoff", outcome, |one| {
            one.payload.contains("only land and stop")
        })
        .await?;
    broker
        .publish(topic, r#"{"command":"land","id":"unending"}"#, &[])
        .await?;
    broker
        .hears(outcome, |one| one.payload.contains("neither expires"))
        .await?;
    // Nobody has connected it: it is given to the drone's own guard, which says so.
    let given = broker
        .ordered(topic, "land", outcome, |one| one.json()["id"].is_string())
        .await?
        .json();
    assert_eq!(given["result"], "refused", "{given:?}");
    let admin = gateway.admin()?;
    let audit = admin.get("/api/security/audit?limit=50").await?.expect(200);
    let taken = format!(
        "land by MQTT, order {}",
        given["id"].as_str().expect("an id")
    );
    let command_id = given["command_id"].as_str().expect("an id");
    let commands = admin.get("/api/commands").await?.expect(200).json();
    let commands = commands.as_array().expect("a list").iter();
    let command = commands.clone().find(|one| one["command_id"] == command_id);
    let who = command.expect("the command")["by"].as_str().expect("who");
    assert!(taken.ends_with(&who["MQTT, ".len()..]), "{who}");
    let taken = format!("{taken}, command {command_id}");
    for wanted in [&taken, "an order by MQTT was ignored"] {
        assert!(audit.text().contains(wanted), "{wanted}: {}", audit.text());
    }
    let metrics = admin.get("/metrics").await?.expect(200).text();
    let ignored = metrics
        .lines()
        .find_map(|line| line.strip_prefix("mfg_drone_mqtt_orders_ignored_total "));
    let ignored: f64 = ignored.expect("a counter").parse()?;
    assert!(ignored >= 2.0, "{ignored}");
    Ok(())
}

#[tokio::test]
async fn a_broker_is_believed_by_its_certificate_and_check_says_when_it_is_not()
-> anyhow::Result<()> {
    if !is_there() {
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let (cert, key) = (
        folder.path().join("cert.pem"),
        folder.path().join("key.pem"),
    );
    let pair = rcgen::KeyPair::generate()?;
    let made = rcgen::CertificateParams::new(vec!["localhost".to_owned()])?.self_signed(&pair)?;
    std::fs::write(&cert, made.pem())?;
    std::fs::write(&key, pair.serialize_pem())?;
    let secure = spare_port();
    let lines = format!(
        "listener {secure} 127.0.0.1\ncertfile {cert}\nkeyfile {key}\ncafile {cert}\nrequire_certificate true",
        cert = cert.display(),
        key = key.display()
    );
    let broker = Broker::start(&lines).await?;
    let of = |lines: &str| {
        format!("[mqtt]\nurl = \"mqtts://localhost:{secure}\"\nca = {cert:?}\n{lines}")
    };
    let known = of(&format!("cert = {cert:?}\nkey = {key:?}\n"));
    let gateway = notifying(&known).start().await?;
    let tested = gateway
        .command(&["notify", "test", "mqtt"])
        .output()
        .await?;
    assert!(tested.status.success(), "{tested:?}");
    drop(gateway);
    for (lines, name) in [
        (of(""), "no certificate of ours"),
        (
            format!("[mqtt]\nurl = \"mqtts://localhost:{secure}\"\n"),
            "a broker that nobody vouches for",
        ),
    ] {
        let prepared = notifying(&lines).prepare()?;
        let checked = prepared
            .command(&["notify", "test", "mqtt"])
            .output()
            .await?;
        assert!(!checked.status.success(), "{name}: {checked:?}");
    }
    drop(broker);
    Ok(())
}
