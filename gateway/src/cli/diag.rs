//! `diag`: one redacted file for a support request.
//!
//! Holds versions, the configuration without secrets, the board report, the
//! certificate's facts and the tail of the application log. Never a key, a
//! webhook secret, or a private key.

use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use super::args::DiagArgs;
use crate::config::Config;

/// Bytes of the application log that go in.
const LOG_TAIL: u64 = 256 * 1024;

pub(super) fn diag(args: &DiagArgs) -> anyhow::Result<()> {
    let config = super::load(&args.config)?.config;
    let text = bundle(&config)?;
    match &args.output {
        Some(path) => {
            // Facts of a site are in it, and it may replace what others can read.
            let mut options = std::fs::OpenOptions::new();
            let mut file = options
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(path)?;
            file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
            file.write_all(text.as_bytes())?;
            println!("{}", path.display());
        }
        None => print!("{text}"),
    }
    Ok(())
}

fn bundle(config: &Config) -> anyhow::Result<String> {
    let mut text = String::new();
    section(&mut text, "version", env!("CARGO_PKG_VERSION"));
    section(
        &mut text,
        "kernel",
        &std::fs::read_to_string("/proc/version").unwrap_or_default(),
    );
    section(
        &mut text,
        "system",
        &std::fs::read_to_string("/etc/os-release").unwrap_or_default(),
    );
    section(
        &mut text,
        "configuration",
        &toml::to_string(&config.redacted())?,
    );
    section(
        &mut text,
        "certificate",
        &match https::certificates::inspect(&config.tls, super::state_dir(config)) {
            Ok(info) => info.to_string(),
            Err(error) => error.to_string(),
        },
    );
    section(
        &mut text,
        "board",
        &match crate::sources::board::open(&config.board) {
            Ok(mut board) => {
                board.sample(0, &mut |_, _| {});
                board.report(0).to_string()
            }
            Err(error) => error.to_string(),
        },
    );
    section(
        &mut text,
        "network interfaces",
        &std::fs::read_to_string("/proc/net/dev").unwrap_or_default(),
    );
    if let Some(dir) = &config.logging.dir {
        section(
            &mut text,
            "app.log (tail)",
            &tail(&dir.join("app.log")).unwrap_or_else(|error| error.to_string()),
        );
    }
    Ok(text)
}

fn section(text: &mut String, title: &str, body: &str) {
    *text += &format!("==== {title} ====\n{}\n\n", body.trim_end());
}

fn tail(path: &Path) -> std::io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(LOG_TAIL)))?;
    let mut bytes = Vec::new();
    file.take(LOG_TAIL).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::notify::{Email, Service, Webhook};

    #[test]
    fn secrets_do_not_leave() {
        let mut config = Config::default();
        config.notify.webhook.push(Webhook {
            name: "site".into(),
            url: "https://hooks.example/services/T0/B0/very-secret".into(),
            secret: Some("hmac-secret".into()),
            secret_file: None,
            template: Default::default(),
            language: Default::default(),
            min_level: None,
            ca: None,
            types: Vec::new(),
            sources: Vec::new(),
            quiet: None,
            repeat_minutes: None,
            escalate_to: None,
            escalate_after_minutes: None,
        });
        config.upstream.key = Some("upstream-secret".into());
        config.upstream.url = Some("https://user:url-secret@vision.example/v1?k=url-secret".into());
        let service = |url: &str| Service {
            name: "site".into(),
            url: Some(url.into()),
            token: Some("token-secret".into()),
            ..Service::default()
        };
        config.notify.slack = vec![service("https://hooks.slack.com/T0/url-secret")];
        config.notify.ntfy = vec![service("https://user:url-secret@ntfy.example/topic")];
        config.notify.alertmanager = vec![service("https://alerts.example?token=url-secret")];
        config.notify.line = vec![service("not a url, url-secret")];
        config.notify.email = vec![Email {
            smtp: "smtps://user:url-secret@mail.example".into(),
            password: Some("token-secret".into()),
            ..Email::default()
        }];
        config.notify.proxy = Some("http://user:url-secret@proxy.example:3128".into());
        config.mqtt.url = Some("mqtts://user:url-secret@broker.example".into());
        let text = bundle(&config).expect("bundle");
        assert!(!text.contains("token-secret"), "{text}");
        for host in ["mail.example", "proxy.example:3128", "broker.example"] {
            assert!(text.contains(host), "{host} in {text}");
        }
        assert!(text.contains("hooks.example"));
        assert!(
            !text.contains("very-secret") && !text.contains("hmac-secret"),
            "{text}"
        );
        assert!(!text.contains("upstream-secret"), "{text}");
        assert!(
            text.contains("vision.example") && !text.contains("url-secret"),
            "{text}"
        );
    }
}
