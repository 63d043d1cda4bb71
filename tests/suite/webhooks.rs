//! Webhooks as a receiver sees them: signed, in order, at least once, over
//! failures and restarts, and only where they are allowed to go.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use data_encoding::HEXLOWER;
use gateway_tests::authority::certificate;
use gateway_tests::client::Stream;
use gateway_tests::{Client, Drone, Gateway, GatewayBuilder, drone, eventually};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::Value;
use sha2::Sha256;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

const SECRET: &str = "webhook-secret";

/// One call, as received.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Call {
    pub(crate) fn header(&self, name: &str) -> &str {
        let line = self
            .head
            .lines()
            .find(|line| line.to_ascii_lowercase().starts_with(&format!("{name}:")));
        line.and_then(|line| line.split_once(':'))
            .map_or("", |(_, value)| value.trim())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The signature a receiver computes by itself, from the documentation.
    fn is_signed(&self) -> bool {
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
        mac.update(format!("{}.{}", self.header("x-mfg-timestamp"), self.body).as_bytes());
        let digest = mac.finalize().into_bytes();
        let hex = HEXLOWER.encode(&digest);
        self.header("x-mfg-signature") == format!("sha256={hex}")
    }
}

/// A receiver that notes every call and answers as it is told.
pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    calls: Arc<Mutex<Vec<Call>>>,
    status: Arc<Mutex<u16>>,
}

impl Receiver {
    pub(crate) async fn start(tls: Option<TlsAcceptor>) -> Receiver {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let receiver = Receiver {
            address,
            calls: Arc::default(),
            status: Arc::new(Mutex::new(200)),
        };
        let (calls, status) = (receiver.calls.clone(), receiver.status.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let stream: Box<dyn Stream> = match &tls {
                    None => Box::new(stream),
                    Some(tls) => match tls.accept(stream).await {
                        Ok(stream) => Box::new(stream),
                        Err(_) => continue,
                    },
                };
                let status = *status.lock().unwrap();
                if let Ok(call) = answer(stream, status).await {
                    calls.lock().unwrap().push(call);
                }
            }
        });
        receiver
    }

    pub(crate) fn answer_with(&self, status: u16) {
        *self.status.lock().unwrap() = status;
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    /// Calls of alerts called Edge, waited for until one says `event`.
    async fn heard(&self, event: &str) -> anyhow::Result<Vec<Call>> {
        eventually(event, || async {
            let calls: Vec<Call> = self
                .calls()
                .into_iter()
                .filter(|call| call.body.contains("Edge"))
                .collect();
            Ok(calls
                .iter()
                .any(|call| call.header("x-mfg-event") == event)
                .then_some(calls))
        })
        .await
    }
}

/// Reads one request and answers it with `status`.
async fn answer(mut stream: Box<dyn Stream>, status: u16) -> anyhow::Result<Call> {
    let mut bytes = Vec::new();
    let end = loop {
        anyhow::ensure!(stream.read_buf(&mut bytes).await? > 0, "closed");
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at + 4;
        }
    };
    let mut call = Call {
        head: String::from_utf8(bytes[..end].to_vec())?,
        body: String::new(),
    };
    let length: usize = call.header("content-length").parse()?;
    while bytes.len() < end + length {
        anyhow::ensure!(stream.read_buf(&mut bytes).await? > 0, "closed");
    }
    call.body = String::from_utf8(bytes[end..].to_vec())?;
    let answer = format!("HTTP/1.1 {status} -\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await?;
    Ok(call)
}

pub(crate) fn notifying(lines: &str) -> GatewayBuilder {
    Gateway::builder().drone("d1", 2).config(&format!(
        "[[alerts.rule]]\nname = \"Edge\"\nmetric = \"battery_level\"\noperator = \"<\"\nthreshold = 50\n\
         level = \"warning\"\ntype = \"drone\"\ncooldown_minutes = 0\nauto_resolve = false\n{lines}"
    ))
}

fn webhook(name: &str, url: &str, more: &str) -> String {
    format!("[[notify.webhook]]\nname = {name:?}\nurl = {url:?}\nsecret = {SECRET:?}\n{more}\n")
}

pub(crate) async fn edge(gateway: &Gateway, client: &Client) -> anyhow::Result<String> {
    let peer = Drone::at(gateway.block().host(2)).await?;
    eventually("the alert", || async {
        // Sent again and again: the first may come before the socket is open.
        peer.send(
            (gateway.block().gateway(), drone::STATE_PORT).into(),
            &drone::state(40, 60),
        )
        .await?;
        let listed = client
            .get("/api/alerts?level=warning")
            .await?
            .expect(200)
            .json();
        let found = listed["alerts"]
            .as_array()
            .unwrap()
            .iter()
            .find(|alert| alert["title"] == "Edge")
            .cloned();
        Ok(found.map(|alert| alert["id"].as_str().unwrap().to_owned()))
    })
    .await
}

/// Order of deliveries, repetitions taken out.
fn deliveries(calls: &[Call]) -> Vec<(u64, String)> {
    let mut order: Vec<_> = calls
        .iter()
        .map(|call| {
            (
                call.header("x-mfg-delivery").parse().unwrap(),
                call.header("x-mfg-event").to_owned(),
            )
        })
        .collect();
    order.dedup();
    order
}

#[tokio::test]
async fn events_arrive_signed_in_order_over_failures_and_a_kill() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let ca = folder.path().join("ca.pem");
    let secure = Receiver::start(Some(certificate(&ca)?)).await;
    let slack = Receiver::start(None).await;
    let lines = webhook(
        "secure",
        &format!("https://localhost:{}/hook", secure.address.port()),
        &format!("ca = {ca:?}"),
    ) + &webhook(
        "slack",
        &format!("http://{}/hook", slack.address),
        "template = \"slack\"",
    );
    let mut gateway = notifying(&lines).start().await?;
    let admin = gateway.admin()?;
    slack.answer_with(503);
    let id = edge(&gateway, &admin).await?;

    // The failing one does not hold up the other.
    let first = secure.heard("raised").await?;
    assert!(first[0].is_signed(), "{first:#?}");
    assert_eq!(
        (&first[0].json()["event"], &first[0].json()["alert"]["id"]),
        (&"raised".into(), &id.as_str().into())
    );
    slack.heard("raised").await?;
    secure.answer_with(500);
    admin
        .post(&format!("/api/alerts/{id}/acknowledge"))
        .await?
        .expect(200);
    secure.heard("acknowledged").await?;
    admin
        .post(&format!("/api/alerts/{id}/resolve"))
        .await?
        .expect(200);
    gateway.kill().await?;
    for receiver in [&secure, &slack] {
        receiver.calls.lock().unwrap().clear();
        receiver.answer_with(200);
    }
    gateway.restart().await?;

    nothing_is_missing_after_the_kill(&secure, &slack).await
}

/// What had not arrived comes after the kill, in order.
async fn nothing_is_missing_after_the_kill(
    secure: &Receiver,
    slack: &Receiver,
) -> anyhow::Result<()> {
    let calls = secure.heard("resolved").await?;
    let order = deliveries(&calls);
    let events: Vec<&str> = order.iter().map(|(_, event)| event.as_str()).collect();
    assert!(events.ends_with(&["acknowledged", "resolved"]), "{order:?}");
    assert!(
        order.windows(2).all(|pair| pair[0].0 < pair[1].0),
        "{order:?}"
    );
    assert!(calls.iter().all(Call::is_signed));
    let calls = slack.heard("resolved").await?;
    let events: Vec<String> = deliveries(&calls)
        .into_iter()
        .map(|(_, event)| event)
        .collect();
    assert_eq!(events, ["raised", "acknowledged", "resolved"]);
    let body = calls[0].json();
    assert!(
        body["text"].as_str().unwrap().contains("raised: Edge") && body["attachments"].is_array(),
        "{body:#}"
    );
    Ok(())
}

#[tokio::test]
async fn a_test_notification_says_what_the_target_answered() -> anyhow::Result<()> {
    let receiver = Receiver::start(None).await;
    let gateway = notifying(&webhook(
        "hook",
        &format!("http://{}/hook", receiver.address),
        "",
    ))
    .start()
    .await?;
    let sent = gateway
        .command(&["notify", "test", "hook"])
        .output()
        .await?;
    assert!(
        sent.status.success(),
        "{}",
        String::from_utf8_lossy(&sent.stderr)
    );
    let calls = receiver.calls();
    assert!(
        calls.len() == 1 && calls[0].is_signed() && calls[0].header("x-mfg-delivery") == "test",
        "{calls:#?}"
    );
    receiver.answer_with(404);
    let refused = gateway
        .command(&["notify", "test", "hook"])
        .output()
        .await?;
    let complaint = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(
        refused.status.code() == Some(1) && complaint.contains("404"),
        "{complaint}"
    );
    let unknown = gateway
        .command(&["notify", "test", "other"])
        .output()
        .await?;
    assert!(
        String::from_utf8_lossy(&unknown.stderr).contains("hook"),
        "names the ones there are"
    );
    Ok(())
}

#[tokio::test]
async fn a_webhook_goes_nowhere_that_is_not_allowed() -> anyhow::Result<()> {
    for (url, wanted) in [
        ("https://192.0.2.1/hook", "notify.allow"),
        ("http://192.0.2.1/hook", "https://"),
    ] {
        let prepared = notifying(&webhook("hook", url, "")).prepare()?;
        let output = prepared.command(&["run"]).output().await?;
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && complaint.contains(wanted),
            "{url}: {complaint}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn the_api_lists_targets_and_tries_one_out() -> anyhow::Result<()> {
    let receiver = Receiver::start(None).await;
    let url = format!("http://{}/secret-path", receiver.address);
    let gateway = notifying(&webhook("hook", &url, "")).start().await?;
    let admin = gateway.admin()?;
    let list = admin.get("/api/notify/targets").await?.expect(200);
    assert!(!list.text().contains("secret"), "{}", list.text());
    let listed = list.json();
    let one = &listed["targets"][0];
    assert_eq!(
        (&one["name"], &one["kind"]),
        (&"hook".into(), &"webhook".into())
    );
    assert_eq!(one["address"], format!("http://{}", receiver.address));
    let test = async |target: &str| {
        let body = serde_json::json!({ "target": target });
        admin
            .json(http::Method::POST, "/api/notify/test", &body)
            .await
    };
    let arrived = test("hook").await?.expect(200).json();
    assert_eq!(
        (&arrived["delivered"], receiver.calls().len()),
        (&true.into(), 1)
    );
    receiver.answer_with(404);
    let refused = test("hook").await?.expect(200).json();
    assert_eq!(refused["delivered"], false);
    assert!(
        refused["reason"].as_str().unwrap().contains("404"),
        "{refused}"
    );
    test("other").await?.expect(404);
    Ok(())
}

/// The gateway with a file of its own in the place of `/etc/hosts`; none where it cannot
/// have one, which is said.
fn with_hosts(folder: &std::path::Path) -> anyhow::Result<Option<std::path::PathBuf>> {
    use std::os::unix::fs::PermissionsExt as _;
    let (hosts, wrapper) = (folder.join("hosts"), folder.join("gateway"));
    std::fs::write(&hosts, "127.0.0.1 localhost\n")?;
    let mount = format!("mount --bind {} /etc/hosts", hosts.display());
    let binary = gateway_tests::gateway::binary().display();
    let script = format!(
        "#!/bin/sh\nexec unshare --mount sh -c '{mount} && exec \"$@\"' sh {binary} \"$@\"\n"
    );
    std::fs::write(&wrapper, script)?;
    std::fs::set_permissions(&wrapper, std::fs::Permissions::from_mode(0o755))?;
    let tried = std::process::Command::new("unshare")
        .args(["--mount", "sh", "-c", &mount])
        .output();
    if !tried.is_ok_and(|tried| tried.status.success()) {
        gateway_tests::skipped(
            "a name that leads elsewhere later: no mounts of one's own here; needs root",
        );
        return Ok(None);
    }
    Ok(Some(wrapper))
}

#[tokio::test]
async fn where_a_name_leads_is_judged_at_each_connection() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let Some(wrapper) = with_hosts(folder.path())? else {
        return Ok(());
    };
    let receiver = Receiver::start(None).await;
    let url = format!("http://localhost:{}/hook", receiver.address.port());
    let gateway = notifying(&webhook("hook", &url, ""))
        .binary(&wrapper)
        .start()
        .await?;
    let admin = gateway.admin()?;
    let body = serde_json::json!({ "target": "hook" });
    let test = || async {
        let answer = admin.json(http::Method::POST, "/api/notify/test", &body);
        anyhow::Ok(answer.await?.expect(200).json())
    };
    assert_eq!(test().await?["delivered"], true);
    // The same file, written anew: a name server that changed its mind. The site's own
    // network, a cloud's keys, everybody.
    for elsewhere in ["192.168.7.9", "169.254.169.254", "0.0.0.0", "224.0.0.1"] {
        std::fs::write(
            folder.path().join("hosts"),
            format!("{elsewhere} localhost\n"),
        )?;
        let refused = test().await?;
        assert_eq!(refused["delivered"], false, "{elsewhere}: {refused}");
        let reason = refused["reason"].as_str().unwrap();
        assert!(reason.contains("notify.allow"), "{elsewhere}: {refused}");
    }
    assert_eq!(receiver.calls().len(), 1);
    std::fs::write(folder.path().join("hosts"), "127.0.0.1 localhost\n")?;
    assert_eq!(test().await?["delivered"], true);
    Ok(())
}
