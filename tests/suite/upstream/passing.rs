//! What goes through: requests, refusals, large uploads.

use super::*;

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
    Ok(())
}

#[tokio::test]
async fn a_service_that_is_busy_says_when_to_ask_again() -> anyhow::Result<()> {
    let vision = Vision::start(None, None).await?;
    let gateway = before(vision.address(), "").start().await?;
    let client = gateway.admin()?;
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
async fn large_uploads_pass_through_without_being_held() -> anyhow::Result<()> {
    // All of eight places but the one that is kept for another key.
    const UPLOADS: usize = 7;
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
    // There is no place left for this key, so a further request is told so at once.
    let busy = client.get("/api/models").await?.expect(503);
    assert_eq!(
        (&busy.json()["error_code"], busy.header("retry-after")),
        (&"UPSTREAM_BUSY".into(), "1")
    );
    let other = gateway.reader()?;
    let other = tokio::spawn(async move { other.get("/api/models").await });
    eventually("another key's request has begun", || async {
        Ok((vision.seen().len() > UPLOADS + 1).then_some(()))
    })
    .await?;
    vision.release();
    other.await??.expect(200);
    for upload in uploads {
        upload.await??.expect(200);
    }
    let seen = vision.seen();
    for one in seen.iter().filter(|one| one.head.starts_with("POST")) {
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
