//! What the gateway checks itself, with and without a service behind it.

use super::*;

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
    Ok(())
}

#[tokio::test]
async fn without_an_upstream_bodies_are_checked_and_then_told_so() -> anyhow::Result<()> {
    let gateway = Gateway::builder().start().await?;
    let client = gateway.admin()?;
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
    Ok(())
}

#[tokio::test]
async fn without_an_upstream_uploads_are_checked_and_then_told_so() -> anyhow::Result<()> {
    let gateway = Gateway::builder().start().await?;
    let client = gateway.admin()?;
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
