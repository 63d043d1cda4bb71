//! A service that is slow, broken or dead.

use super::*;

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
