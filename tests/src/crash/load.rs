//! Operators at work: keys made and revoked, alerts acknowledged and resolved,
//! rules changed, until the gateway is killed under them.

use std::sync::{Arc, Mutex};

use http::Method;
use serde_json::json;
use tokio::task::JoinSet;

use super::ledger::alert_state;
use super::{Choices, Ledger};
use crate::{Client, Gateway};

/// Operators at once: enough that commits are shared.
const OPERATORS: u64 = 4;
/// Rules that are changed over and over.
const RULES: u64 = 6;
/// Keys kept alive at most, below the gateway's own cap.
const MAX_LIVE_KEYS: usize = 60;

/// Operators under way.
pub struct Load {
    tasks: JoinSet<()>,
    ledger: Arc<Mutex<Ledger>>,
}

impl Load {
    /// Starts the operators.
    ///
    /// # Errors
    /// The gateway's authority cannot be read.
    pub fn start(gateway: &Gateway, choices: &mut Choices, ledger: Ledger) -> anyhow::Result<Load> {
        let ledger = Arc::new(Mutex::new(ledger));
        let mut tasks = JoinSet::new();
        for operator in 0..OPERATORS {
            let worker = Operator {
                client: gateway.admin()?,
                choices: Choices::new(choices.below(u64::MAX)),
                ledger: ledger.clone(),
                operator,
            };
            tasks.spawn(worker.work());
        }
        Ok(Load { tasks, ledger })
    }

    /// Waits for the operators, whose gateway is gone, and gives the ledger back.
    pub async fn stop(mut self) -> Ledger {
        while self.tasks.join_next().await.is_some() {}
        std::mem::take(&mut *lock(&self.ledger))
    }
}

struct Operator {
    client: Client,
    choices: Choices,
    ledger: Arc<Mutex<Ledger>>,
    operator: u64,
}

fn lock(ledger: &Mutex<Ledger>) -> std::sync::MutexGuard<'_, Ledger> {
    ledger
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Operator {
    /// Works until the gateway no longer answers.
    async fn work(mut self) {
        while self.one().await.is_ok() {}
    }

    async fn one(&mut self) -> anyhow::Result<()> {
        match self.choices.below(6) {
            0 => self.make_key().await,
            1 => self.revoke_key().await,
            2 => self.see_alerts().await,
            3 | 4 => self.change_alert().await,
            _ => self.change_rule().await,
        }
    }

    async fn make_key(&mut self) -> anyhow::Result<()> {
        if lock(&self.ledger).live_keys().len() >= MAX_LIVE_KEYS {
            return Ok(());
        }
        let name = format!("k{:016x}", self.choices.below(u64::MAX));
        // Until it is acknowledged nobody has the key: then it may exist or not.
        let answer = self
            .client
            .post(&format!(
                "/api/security/api-keys?name={name}&permissions=read"
            ))
            .await?;
        if answer.status == 200 {
            let key = answer.json()["api_key"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            lock(&self.ledger).key_made(&name, &key);
        }
        Ok(())
    }

    async fn revoke_key(&mut self) -> anyhow::Result<()> {
        let live = lock(&self.ledger).live_keys();
        let Some((name, key)) = pick(&mut self.choices, &live) else {
            return Ok(());
        };
        lock(&self.ledger).key_revoked(name, false);
        let answer = self
            .client
            .delete(&format!("/api/security/api-keys/{key}"))
            .await?;
        if answer.status == 200 {
            lock(&self.ledger).key_revoked(name, true);
        }
        Ok(())
    }

    async fn see_alerts(&mut self) -> anyhow::Result<()> {
        let answer = self
            .client
            .get("/api/alerts?limit=50&alert_type=drone")
            .await?;
        if answer.status == 200 {
            for alert in answer.json()["alerts"].as_array().into_iter().flatten() {
                let (id, state) = alert_state(alert)?;
                lock(&self.ledger).alert_seen(&id, state);
            }
        }
        Ok(())
    }

    async fn change_alert(&mut self) -> anyhow::Result<()> {
        let ids = lock(&self.ledger).alert_ids();
        let Some(id) = pick(&mut self.choices, &ids) else {
            return Ok(());
        };
        let resolve = self.choices.below(2) == 0;
        lock(&self.ledger).alert_changed(id, resolve, false);
        let verb = if resolve { "resolve" } else { "acknowledge" };
        let answer = self
            .client
            .post(&format!("/api/alerts/{id}/{verb}"))
            .await?;
        if answer.status == 200 {
            lock(&self.ledger).alert_changed(id, resolve, true);
        }
        Ok(())
    }

    async fn change_rule(&mut self) -> anyhow::Result<()> {
        // Each operator has rules of its own: two writers of one rule could be
        // acknowledged in either order.
        let name = format!("r{}-{}", self.operator, self.choices.below(RULES));
        let threshold = 100 + self.choices.below(900) as u32;
        if self.choices.below(4) == 0 {
            lock(&self.ledger).rule(&name, None, false);
            let answer = self
                .client
                .delete(&format!("/api/alerts/rules/{name}"))
                .await?;
            if answer.status == 200 || answer.status == 404 {
                lock(&self.ledger).rule(&name, None, true);
            }
        } else {
            let rule = json!({"name": name, "metric": "voltage", "operator": ">", "threshold": threshold,
                "level": "info", "type": "system"});
            lock(&self.ledger).rule(&name, Some(threshold), false);
            let answer = self
                .client
                .json(Method::POST, "/api/alerts/rules", &rule)
                .await?;
            if answer.status == 200 {
                lock(&self.ledger).rule(&name, Some(threshold), true);
            }
        }
        Ok(())
    }
}

fn pick<'a, T>(choices: &mut Choices, from: &'a [T]) -> Option<&'a T> {
    if from.is_empty() {
        None
    } else {
        from.get(choices.below(from.len() as u64) as usize)
    }
}
