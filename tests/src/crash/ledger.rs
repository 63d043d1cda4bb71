//! What the gateway has acknowledged, and what is found after a restart.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::Client;

/// What is known of a thing: the states it may be in. One state: acknowledged.
type Possible<T> = BTreeSet<T>;

/// Everything acknowledged, by kind.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Key name → the key, and whether it may exist.
    keys: BTreeMap<String, (String, Possible<bool>)>,
    /// Rule name → thresholds it may have; none: it may be absent.
    rules: BTreeMap<String, Possible<Option<u32>>>,
    /// Alert id → (acknowledged, resolved) it may be in.
    alerts: BTreeMap<String, Possible<(bool, bool)>>,
    acknowledged: u64,
}

impl Ledger {
    /// Operations acknowledged so far.
    #[must_use]
    pub const fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// A key was made: only now is its string known.
    pub fn key_made(&mut self, name: &str, key: &str) {
        self.acknowledged += 1;
        self.keys
            .insert(name.to_owned(), (key.to_owned(), [true].into()));
    }

    /// A key may be gone (asked), or is (acknowledged).
    pub fn key_revoked(&mut self, name: &str, acknowledged: bool) {
        let Some((_, possible)) = self.keys.get_mut(name) else {
            return;
        };
        settle(possible, false, acknowledged);
        self.acknowledged += u64::from(acknowledged);
    }

    /// A rule may have (asked), or has (acknowledged), this threshold; none: removed.
    pub fn rule(&mut self, name: &str, threshold: Option<u32>, acknowledged: bool) {
        let possible = self
            .rules
            .entry(name.to_owned())
            .or_insert_with(|| [None].into());
        settle(possible, threshold, acknowledged);
        self.acknowledged += u64::from(acknowledged);
    }

    /// An alert was shown: from now on it must be there.
    pub fn alert_seen(&mut self, id: &str, state: (bool, bool)) {
        if !self.alerts.contains_key(id) {
            self.acknowledged += 1;
            self.alerts.insert(id.to_owned(), [state].into());
        }
    }

    /// An alert may be (asked), or is (acknowledged), acknowledged or resolved.
    pub fn alert_changed(&mut self, id: &str, resolve: bool, acknowledged: bool) {
        let Some(possible) = self.alerts.get_mut(id) else {
            return;
        };
        let next: Possible<_> = possible
            .iter()
            .map(|(_, resolved)| (true, *resolved || resolve))
            .collect();
        if acknowledged {
            *possible = next;
            self.acknowledged += 1;
        } else {
            possible.extend(next);
        }
    }

    /// Names of keys that surely exist.
    #[must_use]
    pub fn live_keys(&self) -> Vec<(String, String)> {
        let sure = |possible: &Possible<bool>| possible.len() == 1 && possible.contains(&true);
        let live = self.keys.iter().filter(|(_, (_, possible))| sure(possible));
        live.map(|(name, (key, _))| (name.clone(), key.clone()))
            .collect()
    }

    /// Ids of alerts that were shown.
    #[must_use]
    pub fn alert_ids(&self) -> Vec<String> {
        self.alerts.keys().cloned().collect()
    }

    /// Compares with what is there, then takes what is there as the truth for
    /// operations that were in flight.
    ///
    /// # Errors
    /// Something acknowledged is missing, undone or doubled.
    pub fn check(&mut self, found: &Found) -> anyhow::Result<()> {
        for (name, (_, possible)) in &mut self.keys {
            let times = found.keys.iter().filter(|other| *other == name).count();
            ensure!(times <= 1, "key {name} is there {times} times");
            ensure!(
                possible.contains(&(times == 1)),
                "key {name}: found {times}, acknowledged {possible:?}"
            );
            *possible = [times == 1].into();
        }
        self.keys
            .retain(|_, (_, possible)| possible.contains(&true));
        for (name, possible) in &mut self.rules {
            let is = found.rules.get(name).copied();
            ensure!(
                possible.contains(&is),
                "rule {name} is {is:?}, acknowledged {possible:?}"
            );
            *possible = [is].into();
        }
        for (id, possible) in &mut self.alerts {
            let is = *found
                .alerts
                .get(id)
                .with_context(|| format!("alert {id} is gone"))?;
            ensure!(
                possible.contains(&is),
                "alert {id} is {is:?}, acknowledged {possible:?}"
            );
            *possible = [is].into();
        }
        Ok(())
    }
}

fn settle<T: Ord>(possible: &mut Possible<T>, state: T, acknowledged: bool) {
    if acknowledged {
        possible.clear();
    }
    possible.insert(state);
}

/// What a restarted gateway shows.
#[derive(Debug, Default)]
pub struct Found {
    keys: Vec<String>,
    rules: BTreeMap<String, u32>,
    alerts: BTreeMap<String, (bool, bool)>,
}

impl Found {
    /// Reads everything through the API.
    ///
    /// # Errors
    /// An answer is not 200, or an alert is listed twice.
    pub async fn read(client: &Client) -> anyhow::Result<Found> {
        let mut found = Found::default();
        let keys = answer(client, "/api/security/api-keys").await?;
        for entry in keys["api_keys"].as_object().context("keys")?.values() {
            found
                .keys
                .push(entry["name"].as_str().context("name")?.to_owned());
        }
        for rule in answer(client, "/api/alerts/rules").await?["rules"]
            .as_array()
            .context("rules")?
        {
            let threshold = rule["threshold"].as_f64().context("threshold")?;
            found.rules.insert(
                rule["name"].as_str().context("name")?.to_owned(),
                threshold as u32,
            );
        }
        for alert in answer(client, "/api/alerts?limit=0").await?["alerts"]
            .as_array()
            .context("alerts")?
        {
            let (id, state) = alert_state(alert)?;
            ensure!(
                found.alerts.insert(id.clone(), state).is_none(),
                "alert {id} is listed twice"
            );
        }
        Ok(found)
    }
}

/// Id and (acknowledged, resolved) of an alert as listed.
pub(super) fn alert_state(alert: &Value) -> anyhow::Result<(String, (bool, bool))> {
    let flag = |name: &str| alert[name].as_bool().with_context(|| name.to_owned());
    Ok((
        alert["id"].as_str().context("id")?.to_owned(),
        (flag("acknowledged")?, flag("resolved")?),
    ))
}

async fn answer(client: &Client, path: &str) -> anyhow::Result<Value> {
    let answer = client.get(path).await?;
    ensure!(
        answer.status == 200,
        "{path}: {} {}",
        answer.status,
        answer.text()
    );
    Ok(answer.json())
}
