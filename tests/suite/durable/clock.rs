//! Wall clocks that jump by years.

use std::path::Path;

use gateway_tests::{Client, eventually};
use serde_json::Value;

use super::{alert, alerts, battery, keys, make_key, send_battery, watching};

/// Where Debian's `libfaketime` is, said aloud when it is not there.
fn false_clock() -> Option<String> {
    let places = ["x86_64-linux-gnu", "aarch64-linux-gnu"]
        .map(|arch| format!("/usr/lib/{arch}/faketime/libfaketime.so.1"));
    let found = places.into_iter().find(|path| Path::new(path).exists());
    if found.is_none() {
        gateway_tests::skipped("no libfaketime; install the Debian package `faketime`");
    }
    found
}

#[tokio::test]
async fn clocks_that_jump_by_years_change_nothing() -> anyhow::Result<()> {
    // Needs the package faketime; `false_clock` says so where it is not there.
    let Some(library) = false_clock() else {
        return Ok(());
    };
    let outside = tempfile::tempdir()?;
    let clock = outside.path().join("clock");
    // Written aside and renamed: the library must not read half of it.
    let set = |offset: &str| {
        std::fs::write(outside.path().join("next"), offset).unwrap();
        std::fs::rename(outside.path().join("next"), &clock).unwrap();
    };
    set("+0");
    // Plain HTTP: a client's view of certificates is not the subject here.
    let mut gateway = watching(&outside.path().join("state"))
        .plain_http()
        .env("LD_PRELOAD", &library)
        .env("FAKETIME_TIMESTAMP_FILE", clock.to_str().unwrap())
        .env("FAKETIME_NO_CACHE", "1")
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .start()
        .await?;
    let admin = Client::plain(gateway.plain_address()).with_key(gateway_tests::gateway::ADMIN_KEY);
    let year = |answer: Value| {
        answer["timestamp"].as_str().unwrap()[..4]
            .parse::<i32>()
            .unwrap()
    };
    let now = year(admin.get("/health").await?.expect(200).json());
    make_key(&admin, "kept").await?.expect(200);
    let peer = battery(&gateway, 40).await?;
    let id = alert(&admin, "Edge").await?["id"]
        .as_str()
        .unwrap()
        .to_owned();
    admin
        .post(&format!("/api/alerts/{id}/acknowledge"))
        .await?
        .expect(200);

    for (offset, shown) in [("+3653d", now + 10), ("-3653d", now - 10), ("+0", now)] {
        set(offset);
        assert!(
            (year(admin.get("/health").await?.expect(200).json()) - shown).abs() <= 1,
            "{offset} is not in force"
        );
        // The condition ends and comes back: the cool-down of five minutes
        // still runs, whatever the wall clock says.
        send_battery(&gateway, &peer, 60).await?;
        eventually("the end of the condition", || async {
            let edge = alerts(&admin, "Edge").await?;
            let drones = admin.get("/api/dashboard/drones").await?.expect(200).text();
            Ok((edge.len() != 1 || drones.contains("60")).then_some(()))
        })
        .await?;
        send_battery(&gateway, &peer, 40).await?;
        make_key(&admin, &format!("at{}", &offset[1..]))
            .await?
            .expect(200);
        assert_eq!(
            alerts(&admin, "Edge").await?.len(),
            1,
            "{offset}: the cool-down was cut short"
        );
    }

    // Starts with a wrong clock, and without one: a board without a battery
    // wakes in 1970.
    for offset in ["+3653d", "-3653d", "@1970-01-01 00:00:10", "+0"] {
        set(offset);
        gateway.kill().await?;
        gateway.restart().await?;
        let names = keys(&admin).await?;
        assert!(
            ["kept", "at3653d", "at0"]
                .iter()
                .all(|name| names.iter().any(|other| other == name)),
            "{names:?}"
        );
        let kept = alerts(&admin, "Edge").await?;
        let kept: Vec<_> = kept.iter().filter(|alert| alert["id"] == *id).collect();
        assert!(
            kept.len() == 1 && kept[0]["acknowledged"] == true,
            "{offset}: {kept:#?}"
        );
        let name = format!("start{}", offset.len());
        make_key(&admin, &name).await?;
        assert!(keys(&admin).await?.contains(&name), "{offset}");
    }
    assert!(alerts(&admin, "Stored Data Lost").await?.is_empty());
    Ok(())
}
