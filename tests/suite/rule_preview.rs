//! A rule is tried out before it is saved.

use gateway_tests::{Drone, Gateway, drone, eventually};
use http::Method;
use serde_json::json;

#[tokio::test]
async fn a_rule_says_how_often_it_would_have_fired() -> anyhow::Result<()> {
    let gateway = Gateway::builder().drone("d1", 2).start().await?;
    let (admin, path) = (gateway.admin()?, "/api/alerts/rules/preview");
    let rule =
        json!({"metric": "battery_level", "operator": "<", "threshold": 50, "level": "warning"});
    let ask = async || {
        anyhow::Ok(
            admin
                .json(Method::POST, path, &rule)
                .await?
                .expect(200)
                .json(),
        )
    };
    assert_eq!(ask().await?["fired"], 0, "nothing was recorded");
    let peer = Drone::at(gateway.block().host(2)).await?;
    let judged = eventually("a reading", || async {
        let to = (gateway.block().gateway(), drone::STATE_PORT).into();
        peer.send(to, &drone::state(40, 60)).await?;
        let judged = ask().await?;
        Ok((judged["at_most"] != 0).then_some(judged))
    })
    .await?;
    assert_eq!(
        (&judged["fired"], &judged["window_s"]),
        (&1.into(), &86400.into())
    );
    assert_eq!(judged["sources"][0]["source"], "d1");
    // Nothing came of it.
    let rules = admin.get("/api/alerts/rules").await?.expect(200).text();
    assert!(!rules.contains("preview"), "{rules}");
    let wrong =
        json!({"metric": "battery_level", "operator": "<", "threshold": 50, "level": "loud"});
    admin.json(Method::POST, path, &wrong).await?.expect(422);
    Ok(())
}
