//! Slack, Teams, Discord, ntfy, Alertmanager and LINE as their servers see them: one
//! table each is enough, and every message says which gateway, which drone, what, since
//! when, what to do, and where.

use gateway_tests::authority::{certificate, certificate_for};
use gateway_tests::eventually;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::webhooks::{Call, Receiver, edge, notifying};

/// The sections, all of them to one receiver, and the path that each posts to.
const SERVICES: [(&str, &str, &str, &str); 6] = [
    ("slack", "/services/T0/B0/X", "/services/T0/B0/X", ""),
    (
        "teams",
        "/workflows/X",
        "/workflows/X",
        "language = \"ja\"\n",
    ),
    ("discord", "/api/webhooks/1/X", "/api/webhooks/1/X", ""),
    ("ntfy", "/drones", "/", "token = \"tk_secret\"\n"),
    ("alertmanager", "", "/api/v2/alerts", ""),
    (
        "line",
        "",
        "/v2/bot/message/push",
        "token = \"line-secret\"\nto = \"U1\"\nlanguage = \"ja\"\n",
    ),
];

fn sections(port: u16, ca: &std::path::Path) -> String {
    let mut text = "[gateway]\nname = \"Roof\"\npublic_url = \"https://roof.example\"\n".to_owned();
    for (kind, path, _, more) in SERVICES {
        text += &format!(
            "[[notify.{kind}]]\nname = \"{kind}\"\nurl = \"https://localhost:{port}{path}\"\nca = {ca:?}\n{more}"
        );
    }
    text
}

/// The calls to `path` that are about the alert called Edge.
fn to<'a>(calls: &'a [Call], path: &str) -> Vec<&'a Call> {
    let first = format!("POST {path} ");
    calls
        .iter()
        .filter(|call| call.head.starts_with(&first) && !call.body.contains("nothing is wrong"))
        .collect()
}

#[tokio::test]
async fn every_service_hears_the_whole_by_one_table_each() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let ca = folder.path().join("ca.pem");
    let receiver = Receiver::start(Some(certificate(&ca)?)).await;
    let gateway = notifying(&sections(receiver.address.port(), &ca))
        .start()
        .await?;
    let admin = gateway.admin()?;
    let id = edge(&gateway, &admin).await?;
    let calls = eventually("a call to each service", || async {
        let calls = receiver.calls();
        let all = SERVICES.iter().all(|(_, _, path, _)| {
            to(&calls, path)
                .iter()
                .any(|call| call.body.contains("d1") && is_of_edge(call))
        });
        Ok(all.then_some(calls))
    })
    .await?;
    for (kind, _, path, _) in SERVICES {
        let call = to(&calls, path)
            .into_iter()
            .find(|call| is_of_edge(call))
            .unwrap();
        let body = &call.body;
        for wanted in ["Roof", "https://roof.example/#/alerts"] {
            assert!(body.contains(wanted), "{kind}: {wanted} in {body}");
        }
        let (metric, advice) = match kind {
            "teams" | "line" => ("バッテリー残量 40 %（50 % 未満）", "バッテリーを交換"),
            _ => ("Battery 40 % (below 50 %)", "change the battery"),
        };
        assert!(
            body.contains(metric) && body.contains(advice),
            "{kind}: {body}"
        );
    }
    let token = |path: &str| to(&calls, path)[0].header("authorization").to_owned();
    assert_eq!(token("/"), "Bearer tk_secret");
    assert_eq!(token("/v2/bot/message/push"), "Bearer line-secret");

    // Alertmanager knows the alert by its labels, and is told its end.
    admin
        .post(&format!("/api/alerts/{id}/resolve"))
        .await?
        .expect(200);
    let ended = eventually("the end", || async {
        let calls = receiver.calls();
        let posted = to(&calls, "/api/v2/alerts");
        let bodies = posted.iter().map(|call| call.json());
        Ok(bodies
            .map(|body: Value| body[0].clone())
            .find(|alert| alert["labels"]["alertname"] == "Edge" && !alert["endsAt"].is_null()))
    })
    .await?;
    assert_eq!(ended["labels"]["source"], "d1");
    Ok(())
}

/// Whether it is about the alert that the test raises, by its numbers.
fn is_of_edge(call: &Call) -> bool {
    call.body.contains("40 %")
}

#[tokio::test]
async fn a_section_says_what_is_wrong_with_it_and_secrets_stay_in() -> anyhow::Result<()> {
    for (lines, wanted) in [
        ("[[notify.slack]]\nname = \"a\"\n", "url: it is missing"),
        (
            "[[notify.slack]]\nname = \"a\"\nurl = \"https://x.example/y\"\ntoken = \"t\"\n",
            "token",
        ),
        ("[[notify.line]]\nname = \"a\"\n", "token: it is missing"),
        (
            "[[notify.ntfy]]\nname = \"a\"\nurl = \"https://ntfy.sh/\"\n",
            "no topic",
        ),
        (
            "[[notify.teams]]\nname = \"a\"\nurl = \"https://x.example/y\"\n[notify]\nallow = [\"chat.example\"]\n",
            "notify.allow",
        ),
    ] {
        let prepared = notifying(lines).prepare()?;
        let output = prepared.command(&["check"]).output().await?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.code() == Some(2) && said.contains(wanted),
            "{lines}: {said}"
        );
    }
    let gateway = notifying(
        "[[notify.slack]]\nname = \"a\"\nurl = \"https://localhost:1/T0P5ECRET\"\n\
         [[notify.ntfy]]\nname = \"b\"\nurl = \"https://localhost:1/x\"\ntoken = \"T0P5ECRET\"\n",
    )
    .start()
    .await?;
    let admin = gateway.admin()?;
    let list = admin.get("/api/notify/targets").await?.expect(200);
    assert!(!list.text().contains("T0P5ECRET"), "{}", list.text());
    assert_eq!(list.json()["targets"][0]["address"], "https://localhost:1");
    assert_eq!(list.json()["targets"][1]["kind"], "ntfy");
    let bundle = gateway.command(&["diag"]).output().await?;
    let bundle = String::from_utf8_lossy(&bundle.stdout);
    assert!(!bundle.contains("T0P5ECRET") && bundle.contains("[[notify.slack]]"));
    Ok(())
}

/// A proxy that leads every tunnel to `to`, and says where it was to lead.
async fn proxy(
    to: std::net::SocketAddr,
) -> anyhow::Result<(u16, tokio::sync::mpsc::Receiver<String>)> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let port = listener.local_addr()?.port();
    let (asked, heard) = tokio::sync::mpsc::channel(16);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                if client.read_exact(&mut byte).await.is_err() {
                    break;
                }
                head.push(byte[0]);
            }
            let head = String::from_utf8_lossy(&head).into_owned();
            let first = head.lines().next().unwrap_or_default().to_owned();
            if asked.send(first).await.is_err() {
                return;
            }
            let Ok(mut server) = TcpStream::connect(to).await else {
                continue;
            };
            tokio::spawn(async move {
                let _ = client.write_all(b"HTTP/1.1 200 Established\r\n\r\n").await;
                // (It ends as its ends do.)
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    Ok((port, heard))
}

#[tokio::test]
async fn by_a_proxy_a_channel_reaches_a_name_that_nobody_here_resolves() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let ca = folder.path().join("ca.pem");
    let tls = certificate_for(&ca, "hooks.nowhere.example")?;
    let receiver = Receiver::start(Some(tls)).await;
    let (port, mut asked) = proxy(receiver.address).await?;
    let lines = format!(
        "[notify]\nproxy = \"http://127.0.0.1:{port}\"\n\
         [[notify.slack]]\nname = \"slack\"\nurl = \"https://hooks.nowhere.example/x\"\nca = {ca:?}\n"
    );
    let gateway = notifying(&lines).start().await?;
    let tested = gateway
        .command(&["notify", "test", "slack"])
        .output()
        .await?;
    assert!(tested.status.success(), "{tested:?}");
    let first = asked.recv().await.unwrap_or_default();
    assert_eq!(first, "CONNECT hooks.nowhere.example:443 HTTP/1.1");
    assert_eq!(
        to(&receiver.calls(), "/x").len(),
        0,
        "a test says that nothing is wrong"
    );
    assert_eq!(receiver.calls().len(), 1);
    Ok(())
}
