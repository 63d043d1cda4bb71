//! The configuration as it is in force, value by value, each with where it was set.
//!
//! Pure. Secrets are hidden here, once for everybody who shows or sends it.

use toml::Value;

use super::load::Loaded;
use super::notify::{place_alone, without_secrets};
use super::place::Place;
use super::{Config, to_table};

/// One value.
#[derive(Clone, Debug, PartialEq)]
pub struct Shown {
    /// Section, number in a list of tables, key.
    pub path: Vec<String>,
    /// As it is in force.
    pub value: Value,
    /// Where it was set; none for a default.
    pub from: Option<Place>,
}

impl Config {
    /// The same with what grants access, or names a private place, removed.
    #[must_use]
    pub fn redacted(&self) -> Config {
        let mut config = self.clone();
        config.upstream.key = config.upstream.key.as_ref().map(|_| "(removed)".to_owned());
        config.upstream.url = config.upstream.url.as_deref().map(without_secrets);
        config.mqtt.url = config.mqtt.url.as_deref().map(place_alone);
        config.notify.redact();
        config
    }
}

impl Loaded {
    /// Every key that has a value, in the order of sections.
    #[must_use]
    pub fn shown(&self) -> Vec<Shown> {
        let mut found = Vec::new();
        for (section, value) in to_table(&self.config.redacted()) {
            self.walk(vec![section], value, &mut found);
        }
        found
    }

    /// Descends to what stands on a line of the file: inline tables and plain lists do.
    fn walk(&self, path: Vec<String>, value: Value, found: &mut Vec<Shown>) {
        let below = |name: String| [path.clone(), vec![name]].concat();
        match value {
            Value::Table(table) if path.len() == 1 => {
                for (key, value) in table {
                    self.walk(below(key), value, found);
                }
            }
            Value::Array(list) if is_tables(&list) => {
                for (index, value) in list.into_iter().enumerate() {
                    if let Value::Table(table) = value {
                        let item = below(index.to_string());
                        for (key, value) in table {
                            let path = [item.clone(), vec![key]].concat();
                            found.push(self.entry(path, value));
                        }
                    }
                }
            }
            value => found.push(self.entry(path, value)),
        }
    }

    fn entry(&self, path: Vec<String>, value: Value) -> Shown {
        let names: Vec<&str> = path.iter().map(String::as_str).collect();
        let from = self.sets(&names).then(|| self.place(&names));
        Shown { path, value, from }
    }
}

fn is_tables(list: &[Value]) -> bool {
    !list.is_empty() && list.iter().all(Value::is_table)
}

#[cfg(test)]
mod tests {
    use crate::config::load::parsed;

    #[test]
    fn each_value_says_where_it_was_set_and_secrets_are_hidden() {
        let text = "[server]\nlisten = \"127.0.0.1:1\"\n[upstream]\nurl = \"https://u\"\nkey = \"s3cret\"\n\
                    [[notify.slack]]\nname = \"a\"\nurl = \"https://hooks.slack.com/T0/s3cret\"\n\
                    [[drones.drone]]\nid = \"d1\"\n";
        let variable = [("MFG_DRONE_SERVER__MAX_CONNECTIONS", "7")];
        let shown = parsed(text, &variable).shown();
        let of = |path: &str| {
            let one = shown.iter().find(|one| one.path.join(".") == path);
            let one = one.unwrap_or_else(|| panic!("{path} is not in {shown:#?}"));
            let from = one.from.as_ref().map(ToString::to_string);
            (one.value.to_string(), from)
        };
        let listen = of("server.listen");
        assert_eq!(listen.0, "\"127.0.0.1:1\"");
        assert_eq!(listen.1.as_deref(), Some("/etc/g.toml:2:1"));
        let most = of("server.max_connections");
        assert_eq!(most.0, "7");
        assert!(
            most.1
                .expect("set")
                .contains("MFG_DRONE_SERVER__MAX_CONNECTIONS")
        );
        assert_eq!(of("server.drain_timeout_s"), ("10".to_owned(), None));
        assert!(
            of("drones.drone.0.id")
                .1
                .expect("set")
                .contains("/etc/g.toml:10")
        );
        let text = format!("{shown:?}");
        assert!(!text.contains("s3cret"), "{text}");
        assert!(
            of("notify.slack.0.url")
                .0
                .contains("https://hooks.slack.com/")
        );
    }
}
