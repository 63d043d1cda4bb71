//! Negative checks: every refusal has the right status, the envelope and the
//! security headers.

use gateway_tests::{Answer, Client, Gateway};
use http::Method;
use serde_json::Value;

/// Asserts status, envelope and headers of a refusal; gives its body.
fn refused(answer: Answer, status: u16, code: &str) -> Value {
    let answer = answer.expect(status);
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("x-xss-protection", "1; mode=block"),
        (
            "strict-transport-security",
            "max-age=31536000; includeSubDomains",
        ),
        ("content-security-policy", "default-src 'self'"),
        ("referrer-policy", "strict-origin-when-cross-origin"),
    ] {
        assert_eq!(answer.header(name), value, "{name} on {status}");
    }
    let body = answer.json();
    assert_eq!(
        (&body["error"], &body["error_code"]),
        (&true.into(), &code.into()),
        "{body:#}"
    );
    assert!(
        body["message"].is_string() && body.get("details").is_some(),
        "{body:#}"
    );
    if status == 422 {
        assert!(
            body["detail"]
                .as_array()
                .is_some_and(|items| !items.is_empty()),
            "{body:#}"
        );
    } else {
        assert_eq!(body["detail"], body["message"]);
    }
    assert!(body["timestamp"].as_str().unwrap().ends_with('Z'));
    body
}

#[tokio::test]
async fn keys_and_permissions_are_asked_for() -> anyhow::Result<()> {
    let gateway = Gateway::builder().access("lockout = false").start().await?;
    let (anonymous, reader) = (gateway.anonymous()?, gateway.reader()?);
    let wrong = gateway.anonymous()?.with_key("wrong-key-wrong-key");
    let empty = gateway.anonymous()?.with_key("");
    for path in [
        "/api/alerts",
        "/api/alerts/summary",
        "/api/performance/summary",
        "/api/health/detailed",
    ] {
        let body = refused(anonymous.get(path).await?, 401, "HTTP_401");
        assert!(
            body["message"]
                .as_str()
                .unwrap()
                .contains("API key required"),
            "{body:#}"
        );
        let body = refused(wrong.get(path).await?, 401, "HTTP_401");
        assert!(
            body["message"]
                .as_str()
                .unwrap()
                .contains("Invalid or expired API key"),
            "{body:#}"
        );
        let body = refused(empty.get(path).await?, 401, "HTTP_401");
        assert!(
            body["message"]
                .as_str()
                .unwrap()
                .contains("API key required"),
            "{body:#}"
        );
        reader.get(path).await?.expect(200);
    }
    for (method, path) in [
        (Method::GET, "/api/security/api-keys"),
        (
            Method::POST,
            "/api/security/api-keys?name=x&permissions=read",
        ),
        (Method::GET, "/api/security/config"),
        (Method::GET, "/api/performance/optimize"),
        (Method::POST, "/api/performance/optimize"),
        (Method::DELETE, "/api/performance/cache"),
    ] {
        let body = refused(reader.send(method, path, None).await?, 403, "HTTP_403");
        let message = body["message"].as_str().unwrap();
        assert!(
            message.contains("Insufficient permissions") && message.contains("admin"),
            "{message}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn bad_input_is_named() -> anyhow::Result<()> {
    let gateway = Gateway::builder().start().await?;
    let admin = gateway.admin()?;
    let keys = "/api/security/api-keys";
    let long = format!("name={}&permissions=read", "a".repeat(1001));
    for (query, wanted) in [
        ("name=x&permissions=bogus", "bogus"),
        ("name=x&permissions=read,,write", "ermission"),
        (
            "name=%3Cscript%3Ealert(1)%3C/script%3E&permissions=read",
            "Invalid input detected",
        ),
        (long.as_str(), "too long"),
    ] {
        let answer = admin.post(&format!("{keys}?{query}")).await?;
        let body = refused(answer, 400, "INVALID_REQUEST");
        let message = body["message"].as_str().unwrap();
        assert!(message.contains(wanted), "{query}: {body:#}");
    }
    let nameless = admin.post(&format!("{keys}?permissions=read")).await?;
    let body = refused(nameless, 422, "VALIDATION_ERROR");
    assert_eq!(
        (&body["detail"][0]["type"], &body["detail"][0]["loc"][1]),
        (&"missing".into(), &"name".into())
    );
    for days in ["0", "1.5"] {
        let query = format!("{keys}?name=x&permissions=read&expires_days={days}");
        refused(admin.post(&query).await?, 422, "VALIDATION_ERROR");
    }

    for query in ["level=WARNING", "alert_type=x"] {
        let answer = admin.get(&format!("/api/alerts?{query}")).await?;
        refused(answer, 400, "INVALID_REQUEST");
    }
    for path in [
        "/api/alerts?limit=abc",
        "/api/alerts?limit=-1",
        "/api/alerts?limit=1001",
        "/api/alerts?unresolved_only=maybe",
        "/api/dashboard/metrics/history?duration=0",
        "/api/dashboard/metrics/history?duration=1441",
        "/api/dashboard/metrics/history?duration=x",
    ] {
        refused(admin.get(path).await?, 422, "VALIDATION_ERROR");
    }
    admin
        .get("/api/alerts?limit=0&unresolved_only=YES")
        .await?
        .expect(200);
    for answer in [
        admin.post("/api/alerts/invalid-id/acknowledge").await?,
        admin.post("/api/alerts/invalid-id/resolve").await?,
        admin.delete("/api/security/api-keys/invalid-key").await?,
    ] {
        refused(answer, 404, "HTTP_404");
    }
    Ok(())
}

#[tokio::test]
async fn malformed_json_is_a_validation_error_after_authentication() -> anyhow::Result<()> {
    let gateway = Gateway::builder().start().await?;
    let broken = || {
        Some((
            "application/json",
            bytes::Bytes::from_static(b"{\"name\": "),
        ))
    };
    let path = "/api/alerts/rules";
    refused(
        gateway
            .anonymous()?
            .send(Method::POST, path, broken())
            .await?,
        401,
        "HTTP_401",
    );
    refused(
        gateway.reader()?.send(Method::POST, path, broken()).await?,
        403,
        "HTTP_403",
    );
    let body = refused(
        gateway.admin()?.send(Method::POST, path, broken()).await?,
        422,
        "VALIDATION_ERROR",
    );
    assert_eq!(body["detail"][0]["type"], "json_invalid");
    Ok(())
}

#[tokio::test]
async fn routing_errors_have_the_envelope() -> anyhow::Result<()> {
    let gateway = Gateway::builder().start().await?;
    let anonymous = gateway.anonymous()?;
    for path in [
        "/api/performance/nonexistent",
        "/nonexistent-endpoint",
        "/api//alerts",
        "/api/enhanced/x",
    ] {
        refused(anonymous.get(path).await?, 404, "HTTP_404");
    }
    let answer = anonymous.send(Method::PUT, "/api/alerts", None).await?;
    assert!(
        answer.header("allow").contains("GET"),
        "{:?}",
        answer.headers
    );
    refused(answer, 405, "HTTP_405");
    refused(anonymous.get("/ws").await?, 426, "HTTP_426");
    let slash = gateway.reader()?.get("/api/alerts/").await?;
    assert!(
        slash.status == 200 || slash.status == 307,
        "{}",
        slash.status
    );
    Ok(())
}

#[tokio::test]
async fn cors_follows_the_contract() -> anyhow::Result<()> {
    let gateway = Gateway::builder()
        .server("cors_origins = [\"https://panel.example\"]")
        .start()
        .await?;
    let from = |origin: &str| -> anyhow::Result<Client> {
        Ok(gateway.anonymous()?.with_header("origin", origin))
    };
    for origin in ["http://localhost:3000", "https://panel.example"] {
        let answer = from(origin)?.get("/health").await?.expect(200);
        assert_eq!(answer.header("access-control-allow-origin"), origin);
        assert_eq!(answer.header("access-control-allow-credentials"), "true");
        assert!(answer.header("vary").to_lowercase().contains("origin"));
        // Errors too: a browser shows a refused answer only with these headers.
        let answer = from(origin)?.get("/api/alerts").await?.expect(401);
        assert_eq!(answer.header("access-control-allow-origin"), origin);

        let preflight = from(origin)?
            .with_header("access-control-request-method", "POST")
            .with_header("access-control-request-headers", "x-api-key,content-type")
            .send(Method::OPTIONS, "/api/alerts/x/acknowledge", None)
            .await?
            .expect(200);
        assert_eq!(preflight.header("access-control-allow-origin"), origin);
        assert_eq!(
            preflight.header("access-control-allow-headers"),
            "x-api-key,content-type"
        );
        assert_eq!(
            preflight.header("access-control-expose-headers"),
            "X-API-Key"
        );
        assert_eq!(preflight.header("access-control-max-age"), "600");
        assert!(
            preflight
                .header("access-control-allow-methods")
                .contains("DELETE")
        );
        assert_eq!(preflight.header("x-frame-options"), "DENY");
    }
    let foreign = from("https://evil.example")?;
    assert_eq!(
        foreign
            .get("/health")
            .await?
            .expect(200)
            .header("access-control-allow-origin"),
        ""
    );
    let preflight = foreign.with_header("access-control-request-method", "POST");
    let preflight = preflight
        .send(Method::OPTIONS, "/api/alerts", None)
        .await?
        .expect(400);
    assert_eq!(preflight.header("access-control-allow-origin"), "");
    Ok(())
}
