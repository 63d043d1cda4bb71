//! What a changed configuration can take effect for without a restart.
//!
//! Works on the serialised form, so a key added to [`Config`] is covered
//! without being listed here: it needs a restart until it is named reloadable.

use super::Config;

/// Keys (or their parents) that take effect on reload.
const RELOADABLE: &[&str] = &[
    "access",
    "alerts",
    "bridge",
    "camera.max_viewers",
    "camera.photo_timeout_s",
    "logging.level",
    "server.cors_origins",
    "server.hsts",
    "server.trusted_proxies",
    "server.phase",
    "tls.cert",
    "tls.key",
];

/// The outcome of comparing two configurations.
#[derive(Clone, Debug, PartialEq)]
pub struct Reload {
    /// The running configuration with every reloadable change applied.
    pub effective: Config,
    /// Changed keys that took effect.
    pub applied: Vec<String>,
    /// Changed keys that wait for a restart.
    pub needs_restart: Vec<String>,
}

impl Reload {
    /// Compares the running configuration with a new one.
    #[must_use]
    pub fn between(running: &Config, new: &Config) -> Reload {
        let (old_table, new_table) = (super::to_table(running), super::to_table(new));
        let mut merged = old_table.clone();
        let mut applied = Vec::new();
        let mut needs_restart = Vec::new();
        for path in changed(&old_table, &new_table) {
            let name = path.join(".");
            let reloadable = RELOADABLE.iter().any(|key| {
                name.strip_prefix(key)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
            });
            if reloadable {
                copy(&path, &new_table, &mut merged);
                applied.push(name);
            } else {
                needs_restart.push(name);
            }
        }
        let effective = super::from_table(&merged).unwrap_or_else(|_| running.clone());
        Reload {
            effective,
            applied,
            needs_restart,
        }
    }
}

/// Paths of `section.key` whose values differ; of a list of tables
/// (`[[bridge]]`) its name alone.
fn changed(old: &toml::Table, new: &toml::Table) -> Vec<Vec<String>> {
    let empty = toml::Table::new();
    let is_list =
        |table: &toml::Table, name: &str| table.get(name).is_some_and(toml::Value::is_array);
    let section = |table: &'_ toml::Table, name: &str| -> toml::Table {
        table
            .get(name)
            .and_then(toml::Value::as_table)
            .unwrap_or(&empty)
            .clone()
    };
    let mut names: Vec<&String> = old.keys().chain(new.keys()).collect();
    names.sort();
    names.dedup();
    let mut paths = Vec::new();
    for name in names {
        if is_list(old, name) || is_list(new, name) {
            if old.get(name) != new.get(name) {
                paths.push(vec![name.clone()]);
            }
            continue;
        }
        let (before, after) = (section(old, name), section(new, name));
        let mut keys: Vec<&String> = before.keys().chain(after.keys()).collect();
        keys.sort();
        keys.dedup();
        let differing = keys
            .into_iter()
            .filter(|key| before.get(*key) != after.get(*key));
        paths.extend(differing.map(|key| vec![name.clone(), key.clone()]));
    }
    paths
}

fn copy(path: &[String], from: &toml::Table, to: &mut toml::Table) {
    let (table, key, value) = match path {
        [key] => (to, key, from.get(key)),
        [section, key] => {
            let value = from.get(section).and_then(|table| table.get(key));
            let table = to
                .entry(section.clone())
                .or_insert_with(|| toml::Value::Table(toml::Table::new()));
            let Some(table) = table.as_table_mut() else {
                return;
            };
            (table, key, value)
        }
        _ => return,
    };
    match value {
        Some(value) => table.insert(key.clone(), value.clone()),
        None => table.remove(key),
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reloadable_keys_are_applied_and_the_others_named() {
        let running = Config::default();
        let mut new = running.clone();
        new.access.max_failed_attempts = 9;
        new.logging.level = "debug".into();
        new.tls.cert = Some("/x.pem".into());
        new.server.listen = "127.0.0.1:1".parse().expect("address");
        let reload = Reload::between(&running, &new);
        assert_eq!(
            reload.applied,
            ["access.max_failed_attempts", "logging.level", "tls.cert"]
        );
        assert_eq!(reload.needs_restart, ["server.listen"]);
        assert_eq!(reload.effective.access.max_failed_attempts, 9);
        assert_eq!(reload.effective.tls.cert, new.tls.cert);
        assert_eq!(reload.effective.server.listen, running.server.listen);
    }

    #[test]
    fn bridges_are_applied_as_one() {
        let running = Config::default();
        let new: Config = toml::from_str("[[bridge]]\nname = \"mast\"\nselector = \"2e8a:000a\"\n")
            .expect("a configuration");
        let added = Reload::between(&running, &new);
        assert_eq!(
            (added.applied, added.needs_restart),
            (vec!["bridge".to_owned()], vec![])
        );
        assert_eq!(added.effective.bridge, new.bridge);
        let removed = Reload::between(&new, &running);
        assert_eq!(
            (removed.applied, removed.effective.bridge),
            (vec!["bridge".to_owned()], vec![])
        );
    }

    #[test]
    fn a_removed_key_falls_back_to_its_default() {
        let mut running = Config::default();
        running.tls.cert = Some("/x.pem".into());
        let reload = Reload::between(&running, &Config::default());
        assert_eq!(reload.applied, ["tls.cert"]);
        assert_eq!(reload.effective.tls.cert, None);
    }
}
