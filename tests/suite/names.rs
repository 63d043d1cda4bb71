//! No name that is kept may break a line of a log or a list, or turn the direction in
//! which what follows is shown: wherever it comes from.

use gateway_tests::Gateway;
use http::Method;
use serde_json::{Value, json};

/// A new line, one of Unicode's, an override and an isolate of its bidirectional algorithm.
const MISLEADING: [&str; 4] = ["a\nb", "a\u{2028}b", "a\u{202E}b", "a\u{2066}b"];

/// What takes a name that is kept and shown to others.
fn requests(name: &str) -> [(&'static str, &'static str, Value); 5] {
    let permissions = json!("read");
    let rule = json!({
        "name": name, "metric": "battery_level", "operator": "<", "threshold": 5, "level": "warning", "type": "drone",
    });
    [
        (
            "/api/security/api-keys",
            "name",
            json!({"name": name, "permissions": permissions}),
        ),
        (
            "/api/session/link",
            "name",
            json!({"name": name, "permissions": permissions}),
        ),
        ("/api/alerts/rules", "name", rule),
        (
            "/api/players",
            "name",
            json!({"name": name, "drone_id": "d1"}),
        ),
        (
            "/api/emergency-stop/override",
            "reason",
            json!({"bridge": "none", "reason": name}),
        ),
    ]
}

#[tokio::test]
async fn no_request_stores_a_name_that_breaks_or_turns_a_line() -> anyhow::Result<()> {
    let gateway = Gateway::builder().drone("d1", 2).start().await?;
    let admin = gateway.admin()?;
    for name in MISLEADING {
        for (path, field, body) in requests(name) {
            let answer = admin.json(Method::POST, path, &body).await?;
            assert!(
                [400, 422].contains(&answer.status.as_u16()),
                "{path} with {field} {name:?}: {} {}",
                answer.status,
                answer.text()
            );
        }
    }
    // Longer than a name is: it would be kept, and read at every start.
    let long = "x".repeat(10_000);
    for (path, field, body) in requests(&long) {
        let answer = admin.json(Method::POST, path, &body).await?;
        assert!(
            [400, 422].contains(&answer.status.as_u16()),
            "{path} with a long {field}: {} {}",
            answer.status,
            answer.text()
        );
    }
    for (list, members) in [
        ("/api/security/api-keys", "api_keys"),
        ("/api/players", "players"),
    ] {
        let listed = admin.get(list).await?.expect(200).text();
        assert!(!listed.contains("a\\nb"), "{members}: {listed}");
    }
    Ok(())
}

#[tokio::test]
async fn no_configuration_with_such_a_name_is_run() -> anyhow::Result<()> {
    let rule = "metric = \"battery_level\"\noperator = \"<\"\nthreshold = 5\nlevel = \"warning\"\ntype = \"drone\"";
    let named = |section: &str, more: &str| format!("{section}\nname = \"a\\u202Eb\"\n{more}\n");
    for (what, config) in [
        ("gateway", named("[gateway]", "")),
        ("rule", named("[[alerts.rule]]", rule)),
        (
            "webhook",
            named("[[notify.webhook]]", "url = \"http://127.0.0.1:9/\""),
        ),
        ("bridge", named("[[bridge]]", "selector = \"serial:1\"")),
    ] {
        let prepared = Gateway::builder().config(&config).prepare()?;
        let output = prepared.command(&["run"]).output().await?;
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            !output.status.success() && complaint.contains("name"),
            "{what}: {complaint}"
        );
    }
    let drone = "[[drones.drone]]\nid = \"d1\"\nmode = \"real\"\naddress = \"192.0.2.1\"\nname = \"a\\u202Eb\"";
    let prepared = Gateway::builder().drones(drone).prepare()?;
    let output = prepared.command(&["run"]).output().await?;
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        !output.status.success() && complaint.contains("direction"),
        "{complaint}"
    );
    Ok(())
}
