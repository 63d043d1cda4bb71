//! Vision, datasets, models: checked here, answered by a service of the site,
//! which may be slow, wrong, huge, dead, or back again.

use std::net::SocketAddr;

use anyhow::Context as _;
use bytes::Bytes;
use gateway_tests::authority::certificate;
use gateway_tests::gateway::ADMIN_KEY;
use gateway_tests::vision::{Conduct, Vision};
use gateway_tests::{Client, Gateway, GatewayBuilder, eventually, process};
use http::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

const KEY: &str = "the-upstream-s-own-key";
const FORM: &str = "multipart/form-data; boundary=edge";

fn before(address: SocketAddr, more: &str) -> GatewayBuilder {
    Gateway::builder().config(&format!(
        "[upstream]\nurl = \"http://{address}\"\nkey = {KEY:?}\n{more}"
    ))
}

fn said(status: u16, body: &Value) -> Conduct {
    Conduct::Answer(status, String::new(), body.to_string())
}

/// The value of a metric, 0 when absent.
async fn metric(client: &Client, line_start: &str) -> anyhow::Result<f64> {
    let text = client.get("/metrics").await?.expect(200).text();
    let line = text
        .lines()
        .find(|line| line.starts_with(&format!("mfg_drone_{line_start}")));
    Ok(line
        .and_then(|line| line.rsplit(' ').next()?.parse().ok())
        .unwrap_or(0.0))
}

async fn outcome(client: &Client, outcome: &str) -> anyhow::Result<f64> {
    metric(
        client,
        &format!("upstream_requests_total{{outcome=\"{outcome}\"}}"),
    )
    .await
}

/// The first line of the answer to a body that is announced and not sent.
async fn announced(
    client: &Client,
    path: &str,
    kind: &str,
    length: usize,
) -> anyhow::Result<String> {
    let mut stream = client.connect().await?;
    let key = client.key().unwrap_or_default();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nx-api-key: {key}\r\ncontent-type: {kind}\r\n\
         content-length: {length}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    stream.flush().await?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).await?;
    Ok(line)
}

#[tokio::test]
async fn without_an_upstream_requests_are_checked_and_then_told_so() -> anyhow::Result<()> {
    let gateway = Gateway::builder().start().await?;
    let (client, reader, anonymous) = (gateway.admin()?, gateway.reader()?, gateway.anonymous()?);
    for path in [
        "/api/vision/tracking/status",
        "/api/vision/datasets",
        "/api/vision/datasets/person_detection_v1",
        "/api/models",
        "/api/models/training",
        "/api/models/training/active",
        "/api/models/statistics",
        "/api/models/training/job_1",
        "/api/models/yolo_v8_general",
    ] {
        anonymous.get(path).await?.expect(401);
        let told = reader.get(path).await?.expect(503).json();
        assert_eq!(told["error_code"], "UPSTREAM_NOT_CONFIGURED", "{path}");
        assert!(
            told["message"]
                .as_str()
                .context("a message")?
                .contains("upstream.url"),
            "{told}"
        );
    }
    reader.delete("/api/models/m1").await?.expect(403);
    reader.post("/api/vision/tracking/stop").await?.expect(403);
    client.post("/api/vision/tracking/stop").await?.expect(503);
    client
        .get("/api/vision/datasets/invalid@id")
        .await?
        .expect(422);
    client.delete("/api/models/a%20b").await?.expect(422);

    let post = |path: &'static str, body: Value| {
        let client = &client;
        async move { client.json(Method::POST, path, &body).await }
    };
    let training =
        |params: Value| json!({"name": "n", "dataset_id": "d", "training_params": params});
    for (path, body, place) in [
        ("/api/vision/detection", json!({"model_id": "m"}), "image"),
        (
            "/api/vision/detection",
            json!({"image": "x", "model_id": "m", "confidence_threshold": 1.5}),
            "confidence",
        ),
        (
            "/api/vision/tracking/start",
            json!({"model_id": "m"}),
            "drone_id",
        ),
        (
            "/api/vision/tracking/start",
            json!({"model_id": "m", "drone_id": "d", "follow_distance": 49}),
            "follow",
        ),
        ("/api/vision/datasets", json!({"name": ""}), "name"),
        (
            "/api/vision/datasets",
            json!({"name": "n".repeat(101)}),
            "name",
        ),
        (
            "/api/vision/datasets",
            json!({"name": "n", "description": "d".repeat(501)}),
            "description",
        ),
        (
            "/api/models",
            json!({"name": "n", "dataset_id": "d", "model_type": "none"}),
            "model_type",
        ),
        ("/api/models", training(json!({"epochs": 0})), "epochs"),
        (
            "/api/models",
            training(json!({"learning_rate": 2})),
            "learning_rate",
        ),
        ("/api/models", training(json!(3)), "training_params"),
    ] {
        let refused = post(path, body.clone()).await?.expect(422).json();
        assert_eq!(refused["error_code"], "VALIDATION_ERROR", "{body}");
        assert!(
            refused["message"]
                .as_str()
                .context("a message")?
                .contains(place),
            "{refused}"
        );
    }
    let nested = post("/api/models", training(json!({"batch_size": 65})))
        .await?
        .expect(422)
        .json();
    assert_eq!(
        nested["detail"][0]["loc"],
        json!(["body", "training_params", "batch_size"])
    );
    post("/api/vision/datasets", json!({"name": "<script>"}))
        .await?
        .expect(400);
    post(
        "/api/models",
        training(json!({"epochs": 5, "validation_split": 0.1})),
    )
    .await?
    .expect(503);
    post(
        "/api/vision/detection",
        json!({"image": "x", "model_id": "m"}),
    )
    .await?
    .expect(503);

    let upload = "/api/vision/datasets/d1/images";
    client
        .json(Method::POST, upload, &json!({}))
        .await?
        .expect(422);
    assert!(
        announced(&client, upload, FORM, 11 << 20)
            .await?
            .contains("413")
    );
    client
        .send(Method::POST, upload, Some((FORM, Bytes::from("x"))))
        .await?
        .expect(503);
    assert_eq!(
        client.get("/api/health/detailed").await?.expect(200).json()["upstream"],
        Value::Null
    );
    Ok(())
}

#[tokio::test]
async fn a_request_goes_through_and_no_key_goes_along() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let (ca, key_file) = (folder.path().join("ca.pem"), folder.path().join("key"));
    let vision = Vision::start(None, Some(certificate(&ca)?)).await?;
    std::fs::write(&key_file, format!("{KEY}\n"))?;
    let url = format!("https://localhost:{}/v1/", vision.address().port());
    let config = format!("[upstream]\nurl = {url:?}\nkey_file = {key_file:?}\nca = {ca:?}");
    let gateway = Gateway::builder().config(&config).start().await?;
    let client = gateway
        .admin()?
        .with_header("cookie", "session=ours")
        .with_header("x-private", "ours");

    let dataset = json!({"id": "dataset_1", "name": "Hall"});
    let more = format!(
        "set-cookie: session=theirs\r\nx-api-key: {KEY}\r\nserver: theirs\r\netag: \"7\"\r\n"
    );
    vision.conduct(Conduct::Answer(200, more, dataset.to_string()));
    let asked = json!({"name": "Hall", "description": "ホール"});
    let made = client
        .json(Method::POST, "/api/vision/datasets?x=1", &asked)
        .await?
        .expect(200);
    assert_eq!((made.json(), made.header("etag")), (dataset, "\"7\""));
    assert_eq!(
        (
            made.header("set-cookie"),
            made.header("server"),
            made.header("x-api-key")
        ),
        ("", "", "")
    );
    assert_eq!(
        made.header("x-content-type-options"),
        "nosniff",
        "our own headers are on it"
    );

    let seen = vision.last()?;
    assert!(
        seen.head
            .starts_with("POST /v1/api/vision/datasets HTTP/1.1\r\n"),
        "{}",
        seen.head
    );
    assert_eq!(serde_json::from_slice::<Value>(&seen.body)?, asked);
    assert_eq!(
        (seen.header("x-api-key"), seen.header("content-type")),
        (KEY, "application/json")
    );
    assert!(
        !seen.head.contains(ADMIN_KEY) && !seen.head.contains("ours"),
        "{}",
        seen.head
    );

    client.get("/api/models").await?.expect(200);
    client.delete("/api/models/model_1").await?.expect(200);
    client
        .post("/api/models/training/job_1/cancel")
        .await?
        .expect(200);
    let seen = vision.seen();
    let lines: Vec<&str> = seen[1..]
        .iter()
        .map(|seen| seen.head.lines().next().unwrap_or_default())
        .collect();
    let wanted = [
        "GET /v1/api/models",
        "DELETE /v1/api/models/model_1",
        "POST /v1/api/models/training/job_1/cancel",
    ];
    assert_eq!(lines, wanted.map(|line| format!("{line} HTTP/1.1")));
    // One connection served them all.
    assert!(
        seen.iter().all(|one| one.connection == seen[0].connection),
        "{seen:#?}"
    );

    // Neither key is shown anywhere.
    for path in [
        "/metrics",
        "/api/health/detailed",
        "/api/dashboard/health",
        "/api/security/config",
    ] {
        assert!(!client.get(path).await?.text().contains(KEY), "{path}");
    }
    assert!(!gateway.output().contains(KEY));
    Ok(())
}

#[tokio::test]
async fn what_the_service_refuses_comes_back_in_the_one_envelope() -> anyhow::Result<()> {
    let vision = Vision::start(None, None).await?;
    let gateway = before(vision.address(), "").start().await?;
    let client = gateway.admin()?;
    let enveloped = json!({"error": true, "error_code": "MODEL_NOT_FOUND", "message": "モデルが見つかりません",
        "detail": "モデルが見つかりません", "details": "m1", "timestamp": "T"});
    let issues = json!([{"type": "missing", "loc": ["body", "file"], "msg": "Field required", "input": null}]);
    for (conduct, path, status, code, text) in [
        (
            said(404, &enveloped),
            "/api/models/m1",
            404,
            "MODEL_NOT_FOUND",
            "見つかりません",
        ),
        (
            said(404, &json!({"detail": "gone"})),
            "/api/vision/datasets/d1",
            404,
            "DATASET_NOT_FOUND",
            "gone",
        ),
        (
            said(409, &json!({"message": "in use"})),
            "/api/models/m1",
            409,
            "HTTP_409",
            "in use",
        ),
        (
            said(422, &json!({"detail": issues})),
            "/api/models/m1",
            422,
            "VALIDATION_ERROR",
            "Unprocessable",
        ),
        (
            said(418, &json!("text")),
            "/api/models/m1",
            418,
            "HTTP_418",
            "teapot",
        ),
        // The gateway's key is the gateway's trouble, not the client's.
        (
            said(401, &json!({})),
            "/api/models/m1",
            502,
            "UPSTREAM_REFUSED",
            "upstream.key",
        ),
        (
            said(403, &json!({})),
            "/api/models/m1",
            502,
            "UPSTREAM_REFUSED",
            "upstream.key",
        ),
        (
            said(307, &json!({})),
            "/api/models/m1",
            502,
            "UPSTREAM_FAILED",
            "redirects",
        ),
        (
            said(500, &json!({})),
            "/api/models/m1",
            502,
            "UPSTREAM_FAILED",
            "status 500",
        ),
    ] {
        vision.conduct(conduct);
        let refused = client.get(path).await?.expect(status).json();
        assert_eq!(
            (&refused["error"], &refused["error_code"]),
            (&true.into(), &code.into()),
            "{refused}"
        );
        assert!(
            refused["message"]
                .as_str()
                .context("a message")?
                .contains(text),
            "{refused}"
        );
        assert_eq!(
            refused.as_object().map(serde_json::Map::len),
            Some(6),
            "{refused}"
        );
    }
    vision.conduct(Conduct::Answer(
        503,
        "retry-after: 7\r\n".to_owned(),
        "{}".to_owned(),
    ));
    let busy = client.get("/api/models").await?.expect(503);
    assert_eq!(
        (busy.header("retry-after"), &busy.json()["error_code"]),
        ("7", &"UPSTREAM_UNAVAILABLE".into())
    );
    Ok(())
}

#[tokio::test]
async fn what_is_slow_too_large_or_broken_ends_in_time() -> anyhow::Result<()> {
    let vision = Vision::start(None, None).await?;
    let more = "timeout_s = 1\nmax_response_bytes = 4096\nbreaker_failures = 100";
    let gateway = before(vision.address(), more).start().await?;
    let client = gateway.admin()?;
    for (conduct, status, code) in [
        (Conduct::Silent, 504, "UPSTREAM_TIMEOUT"),
        (Conduct::Hangs, 502, "UPSTREAM_FAILED"),
        (Conduct::Garbage, 502, "UPSTREAM_FAILED"),
        (
            said(200, &"x".repeat(5_000).into()),
            502,
            "UPSTREAM_ANSWER_TOO_LARGE",
        ),
    ] {
        vision.conduct(conduct);
        let told = client.get("/api/models").await?.expect(status).json();
        assert_eq!(told["error_code"], code, "{told}");
    }
    // An answer that has begun can only be cut: the client sees that it was.
    for conduct in [
        Conduct::Stalls(100),
        Conduct::Breaks,
        Conduct::Chunked(5_000),
    ] {
        vision.conduct(conduct.clone());
        let cut = client.get("/api/models").await;
        assert!(cut.is_err(), "{conduct:?}: {cut:?}");
    }
    vision.conduct(said(200, &json!([])));
    client.get("/api/models").await?.expect(200);
    assert!((metric(&client, "upstream_answers_cut_total").await? - 3.0).abs() < 0.1);
    assert!((outcome(&client, "timed_out").await? - 1.0).abs() < 0.1);
    Ok(())
}

#[tokio::test]
async fn a_connection_closed_behind_its_back_costs_a_read_nothing_and_an_act_is_not_repeated()
-> anyhow::Result<()> {
    let vision = Vision::start(None, None).await?;
    let gateway = before(vision.address(), "breaker_failures = 100")
        .start()
        .await?;
    let client = gateway.admin()?;
    vision.conduct(Conduct::AnswersAndCloses);
    for _ in 0..20 {
        client.get("/api/models").await?.expect(200);
    }
    // A service that takes the request and hangs up may have carried it out.
    vision.conduct(said(200, &json!([])));
    client.get("/api/models").await?.expect(200);
    vision.conduct(Conduct::Hangs);
    let before = vision.seen().len();
    client
        .post("/api/models/training/job_1/cancel")
        .await?
        .expect(502);
    assert_eq!(vision.seen().len() - before, 1);
    client.get("/api/models").await?.expect(502);
    assert_eq!(
        vision.seen().len() - before,
        3,
        "a read is sent once more, and not for ever"
    );
    Ok(())
}

#[tokio::test]
async fn a_dead_service_is_left_alone_and_found_again() -> anyhow::Result<()> {
    let vision = Vision::start(None, None).await?;
    let address = vision.address();
    let gateway = before(
        address,
        "timeout_s = 1\nbreaker_failures = 3\nbreaker_pause_s = 1",
    )
    .start()
    .await?;
    let client = gateway.admin()?;
    client.get("/api/models").await?.expect(200);
    let health = || async {
        anyhow::Ok(
            client
                .get("/api/dashboard/health")
                .await?
                .expect(200)
                .json(),
        )
    };
    assert_eq!(
        health().await?["services"]["vision_service"]["status"],
        "healthy"
    );

    drop(vision);
    for round in 0..2 {
        eventually("left alone", || async {
            let told = client.get("/api/models").await?;
            let text = told.json()["message"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            assert!(told.status == 503 || told.status == 502, "{text}");
            assert!(
                told.status != 503 || !told.header("retry-after").is_empty(),
                "{text}"
            );
            Ok(text.contains("tried again in").then_some(()))
        })
        .await?;
        assert!(outcome(&client, "left_alone").await? >= 1.0);
        assert!(metric(&client, "upstream_breaker_opened_total").await? >= 1.0);
        let service = health().await?["services"]["vision_service"].clone();
        let alone = service["status"] == "unhealthy" && service["error"].is_string();
        // While one request tries it again, it is not known to be ill.
        assert!(alone || round > 0, "{service}");

        // It comes up and is found by itself; then it goes again.
        let vision = Vision::start(Some(address), None).await?;
        eventually("found again", || async {
            Ok((client.get("/api/models").await?.status == 200).then_some(()))
        })
        .await?;
        let detailed = eventually("told as healthy", || async {
            let detailed = client.get("/api/health/detailed").await?.expect(200).json();
            Ok((detailed["upstream"]["breaker"] == "closed").then_some(detailed))
        })
        .await?;
        assert!(
            detailed["upstream"]["last_failure"].is_string(),
            "{detailed}"
        );
        drop(vision);
    }
    Ok(())
}

#[tokio::test]
async fn large_uploads_pass_through_without_being_held() -> anyhow::Result<()> {
    const UPLOADS: usize = 8;
    const BYTES: usize = 10 * 1024 * 1024;
    let vision = Vision::start(None, None).await?;
    let gateway = before(vision.address(), "max_in_flight = 8")
        .start()
        .await?;
    let client = gateway.admin()?;
    let pid = gateway.pid().context("not running")?;
    client.get("/api/models").await?.expect(200);
    let (resident, _) = process::resident_kb(pid)?;

    // Nobody reads yet: what has come must wait in the sockets, not here.
    vision.conduct(Conduct::Hold);
    let uploads: Vec<_> = (0..UPLOADS)
        .map(|n| {
            let client = client.clone();
            let body = Bytes::from(vec![n as u8; BYTES]);
            tokio::spawn(async move {
                let path = format!("/api/vision/datasets/d{n}/images");
                client.send(Method::POST, &path, Some((FORM, body))).await
            })
        })
        .collect();
    eventually("every upload has begun", || async {
        Ok((vision.seen().len() > UPLOADS).then_some(()))
    })
    .await?;
    // All places are taken, so a further one is told so at once.
    let busy = client.get("/api/models").await?.expect(503);
    assert_eq!(
        (&busy.json()["error_code"], busy.header("retry-after")),
        (&"UPSTREAM_BUSY".into(), "1")
    );
    vision.release();
    for upload in uploads {
        upload.await??.expect(200);
    }
    let seen = vision.seen();
    for one in &seen[1..] {
        assert_eq!((one.length, one.header("content-type")), (BYTES, FORM));
        let wanted: u8 = one.head.split("/datasets/d").nth(1).context("a path")?[..1].parse()?;
        assert!(
            one.body.iter().all(|byte| *byte == wanted),
            "bodies are not mixed"
        );
    }
    let (_, peak) = process::resident_kb(pid)?;
    let grown_kb = peak.saturating_sub(resident);
    assert!(
        grown_kb < 32 * 1024,
        "{grown_kb} kB more for {UPLOADS} uploads of {BYTES} bytes"
    );

    // A detection over the size that is checked here streams as well, under its own cap.
    vision.conduct(said(200, &json!({"detections": []})));
    let image = |bytes: usize| {
        Bytes::from(json!({"image": "A".repeat(bytes), "model_id": "m"}).to_string())
    };
    let detect = |body: Bytes| {
        let client = &client;
        async move {
            client
                .send(
                    Method::POST,
                    "/api/vision/detection",
                    Some(("application/json", body)),
                )
                .await
        }
    };
    detect(image(5 << 20)).await?.expect(200);
    assert!(vision.last()?.length > 5 << 20);
    assert!(
        announced(
            &client,
            "/api/vision/detection",
            "application/json",
            21 << 20
        )
        .await?
        .contains("413")
    );
    Ok(())
}

#[tokio::test]
async fn an_upstream_that_cannot_be_used_is_refused_at_the_start() -> anyhow::Result<()> {
    for (lines, wanted) in [
        ("url = \"http://192.0.2.1:8000\"", "https://"),
        ("url = \"https://user:pass@vision.example\"", "upstream.key"),
        (
            "url = \"https://vision.example\"\nkey = \"a\"\nkey_file = \"/b\"",
            "key_file",
        ),
        (
            "url = \"https://vision.example\"\nca = \"/nowhere.pem\"",
            "/nowhere.pem",
        ),
        ("key = \"a\"", "upstream.url"),
        (
            "url = \"https://vision.example\"\ntimeout_s = 0",
            "upstream.timeout_s",
        ),
    ] {
        let prepared = Gateway::builder()
            .config(&format!("[upstream]\n{lines}"))
            .prepare()?;
        for command in ["run", "check"] {
            let output = prepared.command(&[command]).output().await?;
            let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(
                !output.status.success() && complaint.contains(wanted),
                "{command}, {lines}: {complaint}"
            );
        }
    }
    Ok(())
}
