//! The running gateway's API as the command line asks for it: over the control socket,
//! without a key, as the user to whom the state directory belongs.

use anyhow::Context as _;
use hyper::Method;
use serde_json::Value;

use crate::config::Config;
use crate::control::{Client, ControlError};

/// A running gateway.
pub(super) struct Console {
    gateway: Client,
}

impl Console {
    /// The gateway that runs on the state directory of `config`; none if there is none, or
    /// if it belongs to somebody else.
    pub(super) async fn find(config: &Config) -> Option<Console> {
        let gateway = Client::connect(super::state_dir(config)).await?;
        Some(Console { gateway })
    }

    /// The same for commands that do not work without.
    ///
    /// # Errors
    /// That none runs.
    pub(super) async fn open(config: &Config) -> anyhow::Result<Console> {
        let found = Console::find(config).await;
        found.with_context(|| {
            let dir = super::state_dir(config);
            format!(
                "no gateway runs on {}; `systemctl start mfg-drone-gateway` starts it",
                dir.display()
            )
        })
    }

    /// Asks, and gives the answer's JSON.
    ///
    /// # Errors
    /// The gateway's own reason.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let answer = self.gateway.json(method, path, body).await;
        answer.map_err(|error| match error {
            ControlError::Refused(text) => anyhow::anyhow!(reason(&text)),
            broken @ ControlError::Broken { .. } => broken.into(),
        })
    }

    /// What the gateway says of itself.
    ///
    /// # Errors
    /// It does not answer.
    pub(super) async fn health(&self) -> anyhow::Result<crate::control::Health> {
        Ok(self
            .gateway
            .json(Method::GET, "/health", None::<&()>)
            .await?)
    }
}

/// The words of a refusal: message, details, and each field that is wrong.
fn reason(text: &str) -> String {
    let Ok(refusal) = serde_json::from_str::<Value>(text) else {
        return text.to_owned();
    };
    let mut words: Vec<String> = ["message", "details"]
        .iter()
        .filter_map(|name| Some(refusal[name].as_str()?.to_owned()))
        .collect();
    for issue in refusal["detail"].as_array().into_iter().flatten() {
        let field = issue["loc"].as_array().and_then(|loc| loc.last()?.as_str());
        let said = issue["msg"].as_str().unwrap_or_default();
        words.push(match field {
            Some(field) => format!("{field}: {said}"),
            None => said.to_owned(),
        });
    }
    match words.is_empty() {
        true => text.to_owned(),
        false => words.join(": "),
    }
}

/// One segment of a path, with everything escaped that would end it.
pub(super) fn segment(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'~' => {
                escaped.push(char::from(byte));
            }
            byte => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}

/// Prints `value` for a script.
pub(super) fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    println!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}

/// `text` of a member, or a dash where it is null or absent.
pub(super) fn shown(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A time stamp to the second, by UTC.
pub(super) fn at(value: &Value) -> String {
    let text = shown(value);
    let second = text.get(..19).unwrap_or(&text);
    second.replace('T', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_in_its_own_words() {
        assert_eq!(
            reason(r#"{"error":true,"message":"No such alert","details":"look at the list"}"#),
            "No such alert: look at the list"
        );
        assert_eq!(
            reason(r#"{"detail":[{"loc":["body","level"],"msg":"one of info"}]}"#),
            "level: one of info"
        );
        assert_eq!(reason("not JSON"), "not JSON");
        assert_eq!(
            segment("Battery / 屋上"),
            "Battery%20%2F%20%E5%B1%8B%E4%B8%8A"
        );
        assert_eq!(
            at(&Value::from("2026-11-30T19:00:00.123Z")),
            "2026-11-30 19:00:00"
        );
    }
}
