//! What a person at the console asks of a running gateway, and of its configuration.

use std::time::Duration;

use gateway_tests::{Gateway, eventually};
use serde_json::Value;
use tokio::io::AsyncBufReadExt as _;

use crate::webhooks::{edge, notifying};

/// What a command printed, when it ended well.
async fn said(gateway: &Gateway, arguments: &[&str]) -> anyhow::Result<String> {
    let output = gateway.command(arguments).output().await?;
    anyhow::ensure!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?)
}

async fn json(gateway: &Gateway, arguments: &[&str]) -> anyhow::Result<Value> {
    let printed = said(gateway, arguments).await?;
    serde_json::from_str(&printed).map_err(|error| anyhow::anyhow!("{error}: {printed}"))
}

#[tokio::test]
async fn alerts_are_listed_acknowledged_and_resolved_at_the_console() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let logs = format!(
        "[gateway]\nname = \"Roof\"\n[logging]\ndir = {:?}\n",
        folder.path()
    );
    let gateway = notifying(&logs).start().await?;
    let admin = gateway.admin()?;
    let id = edge(&gateway, &admin).await?;
    let list = said(&gateway, &["alerts", "list"]).await?;
    assert!(list.contains(&id) && list.contains("open"), "{list}");
    let done = said(&gateway, &["alerts", "ack", &id]).await?;
    assert!(done.contains("acknowledged"), "{done}");
    let listed = json(&gateway, &["alerts", "list", "--json"]).await?;
    let one = listed
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["id"] == *id);
    assert_eq!(one.unwrap()["acknowledged_by"], "console");

    let status = said(&gateway, &["status"]).await?;
    for wanted in ["Roof  well", "drones", "d1", &id, "nobody is notified"] {
        assert!(status.contains(wanted), "{wanted} in {status}");
    }
    assert!(
        !status.contains('\u{1b}'),
        "no colours for whoever is no terminal"
    );
    let status = json(&gateway, &["status", "--json"]).await?;
    assert_eq!(status["gateway"], "Roof");
    assert_eq!(status["drones"][0]["id"], "d1");

    said(&gateway, &["alerts", "resolve", &id]).await?;
    let list = said(&gateway, &["alerts", "list"]).await?;
    assert!(!list.contains(&id), "{list}");
    let all = said(&gateway, &["alerts", "list", "--all"]).await?;
    assert!(all.contains(&id), "{all}");
    let refused = gateway
        .command(&["alerts", "ack", "alert_x"])
        .output()
        .await?;
    assert_eq!(refused.status.code(), Some(1));
    let log = said(&gateway, &["logs", "--lines", "2"]).await?;
    assert!((1..=2).contains(&log.lines().count()), "{log}");
    let line = said(&gateway, &["logs", "-n", "1", "--json"]).await?;
    assert!(
        serde_json::from_str::<Value>(&line)?["line"].is_string(),
        "{line}"
    );
    // Followed: what is logged from now on comes as it is.
    let mut following = gateway
        .command(&["logs", "--lines", "0", "--follow"])
        .stdout(std::process::Stdio::piped())
        .spawn()?;
    let lines = following.stdout.take().expect("piped");
    let mut lines = tokio::io::BufReader::new(lines).lines();
    let new = async {
        loop {
            // (Again and again: the first may come before it follows.)
            gateway
                .anonymous()?
                .get("/api/security/config")
                .await?
                .expect(401);
            let line = tokio::time::timeout(Duration::from_millis(500), lines.next_line()).await;
            if let Ok(line) = line {
                return anyhow::Ok(line?);
            }
        }
    };
    let new = tokio::time::timeout(gateway_tests::PATIENCE, new).await??;
    assert!(new.is_some_and(|line| !line.is_empty()));
    following.kill().await?;
    Ok(())
}

#[tokio::test]
async fn rules_are_tried_added_changed_and_deleted_at_the_console() -> anyhow::Result<()> {
    let gateway = notifying("").start().await?;
    let fields = [
        "--metric",
        "battery_level",
        "--operator",
        "<",
        "--threshold",
        "30",
        "--level",
        "warning",
    ];
    let tried = said(&gateway, &[&["rules", "test"][..], &fields].concat()).await?;
    assert!(tried.contains("in the last 24 h"), "{tried}");
    let name = "Way / home";
    said(&gateway, &[&["rules", "add", name][..], &fields].concat()).await?;
    let again = gateway
        .command(&[&["rules", "add", name][..], &fields].concat())
        .output()
        .await?;
    let complaint = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(complaint.contains("already exists"), "{complaint}");
    let edited = json(
        &gateway,
        &["rules", "edit", name, "--threshold", "25.5", "--json"],
    )
    .await?;
    assert_eq!(
        (&edited["threshold"], &edited["level"], &edited["origin"]),
        (&25.5.into(), &"warning".into(), &"api".into())
    );
    let more = [
        ("--type", "drone"),
        ("--enabled", "false"),
        ("--cooldown-minutes", "7"),
        ("--for-s", "3"),
        ("--hysteresis", "2"),
        ("--source", "d1"),
        ("--auto-resolve", "false"),
    ];
    let more: Vec<&str> = more
        .iter()
        .flat_map(|(flag, value)| [*flag, *value])
        .collect();
    let edited = [&["rules", "edit", name, "--json"][..], &more].concat();
    let edited = json(&gateway, &edited).await?;
    let said_back = [
        "cooldown_minutes",
        "for_s",
        "source",
        "enabled",
        "auto_resolve",
    ];
    assert_eq!(
        said_back.map(|key| edited[key].to_string()),
        ["7", "3", "\"d1\"", "false", "false"],
        "{edited}"
    );
    let of_name = said(&gateway, &["rules", "test", name, "--level", "error"]).await?;
    assert!(of_name.contains("times"), "{of_name}");
    let list = json(&gateway, &["rules", "list", "--json"]).await?;
    let has = |list: &Value| {
        let rules = list.as_array().unwrap().iter();
        rules.filter(|rule| rule["name"] == name).count()
    };
    assert_eq!(has(&list), 1);
    said(&gateway, &["rules", "delete", name]).await?;
    let list = json(&gateway, &["rules", "list", "--json"]).await?;
    assert_eq!(has(&list), 0);
    let wrong = gateway
        .command(&[
            "rules",
            "add",
            "x",
            "--metric",
            "moon",
            "--operator",
            "<",
            "--threshold",
            "1",
            "--level",
            "info",
        ])
        .output()
        .await?;
    let complaint = String::from_utf8_lossy(&wrong.stderr).into_owned();
    assert!(complaint.contains("metric"), "{complaint}");
    Ok(())
}

#[tokio::test]
async fn the_socket_flies_nothing_and_the_network_reaches_nothing_of_it() -> anyhow::Result<()> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let gateway = notifying("").start().await?;
    let ask = async |method: &str, path: &str| -> anyhow::Result<String> {
        let mut stream =
            tokio::net::UnixStream::connect(gateway.state().join("control.sock")).await?;
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: control\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok(answer.lines().next().unwrap_or_default().to_owned())
    };
    assert!(ask("GET", "/api/alerts").await?.contains("200"));
    for path in [
        "/api/drones/d1/takeoff",
        "/api/drones/land-all",
        "/api/security/api-keys",
    ] {
        let answer = ask("POST", path).await?;
        assert!(answer.contains("404"), "{path}: {answer}");
    }
    gateway.anonymous()?.get("/api/alerts").await?.expect(401);
    Ok(())
}

#[tokio::test]
async fn the_configuration_is_shown_with_its_sources_and_made_anew() -> anyhow::Result<()> {
    let prepared = notifying(
        "[[notify.webhook]]\nname = \"a\"\nurl = \"http://127.0.0.1:9/T0P5ECRET\"\nsecret = \"T0P5ECRET\"\n",
    )
    .prepare()?;
    let file = prepared.file.display().to_string();
    let mut command = prepared.command(&["config", "show"]);
    command.env("MFG_DRONE_SERVER__MAX_WEBSOCKETS", "7");
    let output = command.output().await?;
    let shown = String::from_utf8(output.stdout)?;
    for wanted in [
        "[server]",
        "max_websockets = 7",
        "environment variable MFG_DRONE_SERVER__MAX_WEBSOCKETS",
        &file,
        "[[alerts.rule]]",
        "# default",
    ] {
        assert!(shown.contains(wanted), "{wanted} in {shown}");
    }
    assert!(!shown.contains("T0P5ECRET"), "{shown}");
    let output = prepared
        .command(&["config", "show", "--changed", "--json"])
        .output()
        .await?;
    let changed: Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!(changed["alerts.rule.0.name"]["value"], "Edge");
    assert!(changed.get("server.max_websockets").is_none());

    let output = prepared.command(&["firewall", "show"]).output().await?;
    let said = String::from_utf8(output.stdout)?;
    assert!(said.contains("nothing is to be opened"), "{said}");

    let made = prepared
        .file
        .with_file_name("new.toml")
        .display()
        .to_string();
    let output = prepared
        .command(&["config", "init", &made])
        .output()
        .await?;
    assert!(output.status.success());
    let text = std::fs::read_to_string(&made)?;
    assert!(text.starts_with("#:schema ") && text.contains("#[[notify.slack]]"));
    let output = prepared
        .command(&["config", "init", &made])
        .output()
        .await?;
    assert!(!output.status.success(), "what is there is not overwritten");
    let output = prepared.command(&["config", "schema"]).output().await?;
    let schema: Value = serde_json::from_slice(&output.stdout)?;
    assert!(schema["properties"]["notify"]["properties"]["slack"].is_object());
    Ok(())
}

#[tokio::test]
async fn the_firewall_is_opened_to_what_is_configured() -> anyhow::Result<()> {
    let prepared = notifying(
        "[[notify.slack]]\nname = \"slack\"\nurl = \"https://hooks.slack.example/services/T0P5ECRET\"\n",
    )
    .prepare()?;
    let folder = tempfile::tempdir()?;
    let unit = folder.path().join("unit.d").display().to_string();
    let output = prepared
        .command(&["firewall", "write", "--dir", &unit])
        .output()
        .await?;
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let written = std::fs::read_to_string(folder.path().join("unit.d/firewall.conf"))?;
    assert!(
        written.contains("[Service]\nIPAddressAllow=any\n")
            && written.contains("hooks.slack.example"),
        "{written}"
    );
    assert!(!written.contains("T0P5ECRET"), "{written}");
    Ok(())
}

#[tokio::test]
async fn a_history_is_csv_where_it_is_wanted_and_strict_names_what_is_unknown() -> anyhow::Result<()>
{
    let gateway = notifying("").start().await?;
    let admin = gateway.admin()?;
    let path = "/api/performance/metrics?metric_name=battery_level";
    let csv = admin.get(&format!("{path}&format=csv")).await?.expect(200);
    assert!(csv.header("content-type").starts_with("text/csv"));
    assert!(
        csv.text()
            .starts_with("datetime,timestamp,source,metric,value,min,max\r\n")
    );
    // What the step hid of its extremes is in the table as well.
    let board = "/api/performance/metrics?metric_name=memory_usage&format=csv";
    let line = eventually("a sample of the board", || async {
        let table = admin.get(board).await?.expect(200).text();
        Ok(table.lines().nth(1).map(str::to_owned))
    })
    .await?;
    let numbers: Vec<f64> = line
        .split(',')
        .skip(4)
        .map(str::parse)
        .collect::<Result<_, _>>()?;
    let [value, min, max] = numbers[..] else {
        panic!("{line}")
    };
    assert!(min <= value && value <= max, "{line}");
    admin
        .get(&format!("{path}&source=nobody"))
        .await?
        .expect(200);
    let strict = admin
        .get(&format!("{path}&source=nobody&strict=true"))
        .await?
        .expect(400);
    assert!(strict.text().contains("nobody"), "{}", strict.text());
    let unknown = "/api/performance/metrics?metric_name=moon&strict=true";
    admin.get(unknown).await?.expect(400);
    admin
        .get(&format!("{path}&source=d1&strict=true"))
        .await?
        .expect(200);
    Ok(())
}

#[tokio::test]
async fn a_bearer_token_of_ours_opens_and_a_foreign_one_is_nobody_s() -> anyhow::Result<()> {
    let gateway = notifying("").start().await?;
    let made = said(
        &gateway,
        &[
            "keys",
            "create",
            "prometheus",
            "--permissions",
            "read,dashboard",
        ],
    )
    .await?;
    let key = made
        .split_whitespace()
        .find(|word| word.starts_with("mfg-drone-"));
    let key = key.unwrap_or_default();
    let with = |value: &str| {
        Ok::<_, anyhow::Error>(gateway.anonymous()?.with_header("authorization", value))
    };
    let bearer = format!("Bearer {key}");
    for path in ["/metrics", "/api/alerts"] {
        with(&bearer)?.get(path).await?.expect(200);
    }
    // Neither judged nor counted: far more than lock a client out.
    for _ in 0..8 {
        with("Bearer eyJhbGciOiJIUzI1NiJ9.e30.x")?
            .get("/metrics")
            .await?
            .expect(401);
    }
    let basic = format!(
        "Basic {}",
        data_encoding::BASE64.encode(format!("x:{key}").as_bytes())
    );
    let page = with(&basic)?.get("/metrics").await?.expect(200);
    assert!(
        page.header("content-type")
            .starts_with("text/plain; version=0.0.4")
    );
    with(&basic)?.get("/api/alerts").await?.expect(401);
    Ok(())
}
