//! Merges the file, the environment and the command line's flags into a [`Config`].
//!
//! Every error names where the fault is (file, line and column, the variable or
//! the flag), what is wrong and what is allowed. Nothing is guessed: an unknown
//! key is an error, because a misspelt limit is a missing limit. Whether the
//! merged values make sense together is judged afterwards, never here.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::Config;
use super::place::{ConfigError, Place, Problem, line_and_column, span_start};

/// The file used when none is named and it exists.
pub const DEFAULT_PATH: &str = "/etc/mfg-drone/gateway.toml";

/// Prefix of environment variables; `MFG_DRONE_<SECTION>__<KEY>`.
pub const ENV_PREFIX: &str = "MFG_DRONE_";

/// Sections that are lists of tables: set as a whole by `MFG_DRONE_<SECTION>`.
const LISTS: &[&str] = &["bridge"];

/// Lists of tables inside a section.
const TABLES: &[(&str, &[&str])] = &[
    ("alerts", &["rule"]),
    ("drones", &["drone"]),
    ("notify", super::notify::KINDS),
];

/// Variables with the prefix that are not configuration keys.
const OTHER_VARIABLES: &[&str] = &[
    "MFG_DRONE_ADMIN_KEY",
    "MFG_DRONE_READONLY_KEY",
    "MFG_DRONE_CONFIG",
];

/// A flag of the command line that stands for a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flag {
    /// As it is written, for example `--listen`.
    pub name: &'static str,
    /// Section and key.
    pub key: [&'static str; 2],
    /// What was given.
    pub value: OsString,
}

/// A configuration together with where each value came from.
#[derive(Clone, Debug, Default)]
pub struct Loaded {
    /// The configuration: file, then environment, then flags.
    pub config: Config,
    /// The file, when there was one.
    pub file: Option<PathBuf>,
    /// Things that are probably mistakes but harmless.
    pub warnings: Vec<String>,
    text: String,
    overrides: Vec<Override>,
}

/// A key that was set elsewhere than in the file.
#[derive(Clone, Debug, PartialEq)]
struct Override {
    place: Place,
    path: Vec<String>,
}

impl Loaded {
    /// Reads `path` (or `DEFAULT_PATH` when it exists), then the environment,
    /// then the flags. Each wins over the one before it.
    ///
    /// # Errors
    /// `ConfigError` for what cannot be read or does not fit the types.
    pub fn merge(
        path: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
        flags: &[Flag],
    ) -> Result<Loaded, ConfigError> {
        let file = match path {
            Some(path) => Some(path.to_owned()),
            None => Some(PathBuf::from(DEFAULT_PATH)).filter(|path| path.exists()),
        };
        let text = match &file {
            Some(path) => std::fs::read_to_string(path).map_err(|error| {
                ConfigError::one(
                    Place::File(path.clone()),
                    format!("cannot be read: {error}"),
                )
            })?,
            None => String::new(),
        };
        Loaded::parse(file, text, environment, flags)
    }

    /// A configuration that was made here and read nowhere.
    #[must_use]
    pub fn made(config: Config) -> Loaded {
        Loaded {
            config,
            ..Loaded::default()
        }
    }

    /// Takes `text` as if it stood in `file`, then the environment and flags.
    fn parse(
        file: Option<PathBuf>,
        text: String,
        environment: impl IntoIterator<Item = (String, String)>,
        flags: &[Flag],
    ) -> Result<Loaded, ConfigError> {
        let config = toml::from_str::<Config>(&text)
            .map_err(|error| from_toml(file.as_deref(), &text, &error))?;
        let mut loaded = Loaded {
            config,
            file,
            warnings: Vec::new(),
            text,
            overrides: Vec::new(),
        };
        let mut table: toml::Table = toml::from_str(&loaded.text)
            .map_err(|error| from_toml(loaded.file.as_deref(), &loaded.text, &error))?;
        let mut problems = Vec::new();
        for (place, path, value) in loaded.variables(environment) {
            loaded.set(&mut table, place, path, Some(&value), &mut problems);
        }
        for flag in flags {
            let (place, path) = (Place::Flag(flag.name), flag.key.map(str::to_owned).into());
            loaded.set(&mut table, place, path, flag.value.to_str(), &mut problems);
        }
        ConfigError::unless_sound(problems)?;
        Ok(loaded)
    }

    /// The variables that set keys; warns of those that look as if they did.
    fn variables(
        &mut self,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Vec<(Place, Vec<String>, String)> {
        let mut variables: Vec<(String, String)> = environment
            .into_iter()
            .filter(|(name, _)| {
                name.starts_with(ENV_PREFIX) && !OTHER_VARIABLES.contains(&name.as_str())
            })
            .collect();
        variables.sort();
        let mut found = Vec::new();
        for (variable, value) in variables {
            let name = variable[ENV_PREFIX.len()..].to_lowercase();
            let path: Vec<String> = match name.split_once("__") {
                Some((section, key)) => vec![section.to_owned(), key.to_owned()],
                None if LISTS.contains(&name.as_str()) => vec![name],
                None => {
                    self.warnings.push(format!(
                        "environment variable {variable} sets nothing: keys are written {ENV_PREFIX}<SECTION>__<KEY>"
                    ));
                    continue;
                }
            };
            found.push((Place::Variable(variable), path, value));
        }
        found
    }

    /// Sets one key in `table` and in the configuration. No value is one that is
    /// not text.
    fn set(
        &mut self,
        table: &mut toml::Table,
        place: Place,
        path: Vec<String>,
        value: Option<&str>,
        problems: &mut Vec<Problem>,
    ) {
        let outcome = match value {
            Some(value) => with_override(table, &path, value),
            None => Err("is not valid UTF-8".to_owned()),
        };
        match outcome {
            Ok((next, config)) => {
                *table = next;
                self.config = config;
                self.overrides.push(Override { place, path });
            }
            Err(message) => problems.push(Problem { place, message }),
        }
    }

    /// Whether the value at `path` was set anywhere.
    #[must_use]
    pub fn sets(&self, path: &[&str]) -> bool {
        let in_file = || {
            let table = toml::from_str::<toml::Table>(&self.text).ok()?;
            let (first, rest) = path.split_first()?;
            let mut value = table.get(*first)?;
            for part in rest {
                value = match part.parse::<usize>() {
                    Ok(index) => value.get(index)?,
                    Err(_) => value.get(*part)?,
                };
            }
            Some(())
        };
        self.override_of(path).is_some() || in_file().is_some()
    }

    /// The flag or variable that set what holds `path`. Flags come last, and win.
    fn override_of(&self, path: &[&str]) -> Option<&Override> {
        let holds = |o: &&Override| {
            path.len() >= o.path.len() && path.iter().zip(&o.path).all(|(a, b)| a == b)
        };
        self.overrides.iter().rev().find(holds)
    }

    /// Where the value at `path` (such as `["alerts", "rule", "2", "metric"]`)
    /// was set: the flag or variable that won, the line of the file, or the key
    /// itself.
    #[must_use]
    pub fn place(&self, path: &[&str]) -> Place {
        if let Some(winner) = self.override_of(path) {
            return winner.place.clone();
        }
        let located = self.file.as_ref().and_then(|file| {
            let table = DeTable::parse(&self.text).ok()?;
            let offset = span_start(table.get_ref(), path)?;
            let (line, column) = line_and_column(&self.text, offset);
            Some(Place::Line(file.clone(), line, column))
        });
        located.unwrap_or_else(|| Place::Key(path.join(".")))
    }
}

/// `table` with `path` set to `value`, read as TOML when that fits the schema,
/// else as text, else as a comma-separated list.
fn with_override(
    table: &toml::Table,
    path: &[String],
    value: &str,
) -> Result<(toml::Table, Config), String> {
    let typed = toml::from_str::<toml::Table>(&format!("v = {value}"))
        .ok()
        .and_then(|mut t| t.remove("v"));
    let list = value
        .split(',')
        .map(|item| toml::Value::String(item.trim().to_owned()))
        .collect();
    let candidates = typed.into_iter().chain([
        toml::Value::String(value.to_owned()),
        toml::Value::Array(list),
    ]);
    let mut first_error = None;
    for candidate in candidates {
        let mut next = table.clone();
        match path {
            [list] => drop(next.insert(list.clone(), candidate)),
            [section, key, ..] => {
                let table = next
                    .entry(section.clone())
                    .or_insert_with(|| toml::Value::Table(toml::Table::new()));
                let Some(table) = table.as_table_mut() else {
                    return Err(format!(
                        "{section} is a list of tables; set {ENV_PREFIX}{} as a whole",
                        section.to_uppercase()
                    ));
                };
                table.insert(key.clone(), candidate);
            }
            [] => {}
        }
        match super::from_table(&next) {
            Ok(config) => return Ok((next, config)),
            Err(error) => {
                first_error.get_or_insert_with(|| with_hint(error.message()));
            }
        }
    }
    Err(first_error.unwrap_or_else(|| "has no value".to_owned()))
}

fn from_toml(file: Option<&Path>, text: &str, error: &toml::de::Error) -> ConfigError {
    let path = file.unwrap_or(Path::new(DEFAULT_PATH)).to_owned();
    let place = match error.span() {
        Some(span) => {
            let (line, column) = line_and_column(text, span.start);
            Place::Line(path, line, column)
        }
        None => Place::File(path),
    };
    ConfigError::one(place, with_hint(error.message()))
}

/// The words of the parser, with the section in which an unknown key is known:
/// `[[drone]]` is easily written for `[[drones.drone]]`.
fn with_hint(message: &str) -> String {
    let unknown = message
        .strip_prefix("unknown field `")
        .and_then(|rest| rest.split('`').next());
    match unknown.and_then(known_elsewhere) {
        Some(right) => format!("{message}; did you mean {right}?"),
        None => message.to_owned(),
    }
}

/// How `key` is written where it belongs, if that is one section only.
fn known_elsewhere(key: &str) -> Option<String> {
    let defaults: toml::Table = toml::from_str(&toml::to_string(&Config::default()).ok()?).ok()?;
    let mut sections = defaults
        .iter()
        .filter_map(|(section, content)| Some((section, content.as_table()?.get(key)?)));
    let (section, value) = sections.next()?;
    if sections.next().is_some() {
        return None;
    }
    let is_list = value.is_array()
        && TABLES
            .iter()
            .any(|(of, keys)| of == section && keys.contains(&key));
    Some(if is_list {
        format!("[[{section}.{key}]]")
    } else {
        format!("`{key}` in [{section}]")
    })
}

/// `text` as if it stood in `/etc/g.toml`, with that environment.
#[cfg(test)]
fn parse(text: &str, environment: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    let environment = environment
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
    Loaded::parse(
        Some("/etc/g.toml".into()),
        text.to_owned(),
        environment,
        &[],
    )
}

/// The same of a text that is sound.
#[cfg(test)]
pub(super) fn parsed(text: &str, environment: &[(&str, &str)]) -> Loaded {
    parse(text, environment).expect("sound")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_needed() {
        assert_eq!(parse("", &[]).expect("defaults").config, Config::default());
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line() {
        let error =
            parse("[server]\nlisten = \"127.0.0.1:1\"\nlisen = 3\n", &[]).expect_err("unknown key");
        assert!(
            error
                .to_string()
                .starts_with("/etc/g.toml:3:1: unknown field `lisen`"),
            "{error}"
        );
    }

    #[test]
    fn a_broken_file_is_refused_with_its_line() {
        let error = parse("[server]\nlisten = \n", &[]).expect_err("syntax");
        assert!(error.to_string().starts_with("/etc/g.toml:2:"), "{error}");
    }

    #[test]
    fn the_environment_wins_over_the_file() {
        let loaded = parse(
            "[server]\nlisten = \"127.0.0.1:1\"\nphase = \"a\"\n",
            &[
                ("MFG_DRONE_SERVER__LISTEN", "127.0.0.1:2"),
                ("MFG_DRONE_SERVER__PHASE", "4"),
                ("MFG_DRONE_SERVER__CORS_ORIGINS", "https://a, https://b"),
                ("MFG_DRONE_ACCESS__RATE_LIMIT_ENABLED", "false"),
                ("MFG_DRONE_DRONES__DRONE", "[{id = \"d1\"}]"),
                (
                    "MFG_DRONE_BRIDGE",
                    "[{name = \"mast\", selector = \"2e8a:000a\"}]",
                ),
                ("MFG_DRONE_ADMIN_KEY", "not-a-key-of-the-configuration"),
            ],
        )
        .expect("valid");
        assert_eq!(
            loaded.config.server.listen,
            "127.0.0.1:2".parse().expect("address")
        );
        assert_eq!(loaded.config.server.phase, "4");
        assert_eq!(
            loaded.config.server.cors_origins,
            ["https://a", "https://b"]
        );
        assert!(!loaded.config.access.rate_limit_enabled);
        assert_eq!(loaded.config.drones.drone[0].id, "d1");
        assert_eq!(loaded.config.bridge[0].name, "mast");
        let list = loaded.place(&["bridge", "0", "name"]);
        assert_eq!(list, Place::Variable("MFG_DRONE_BRIDGE".into()));
        assert_eq!(
            loaded.place(&["server", "listen"]),
            Place::Variable("MFG_DRONE_SERVER__LISTEN".into())
        );
    }

    #[test]
    fn a_wrong_variable_is_named() {
        let error =
            parse("", &[("MFG_DRONE_SERVER__MAX_CONNECTIONS", "many")]).expect_err("not a number");
        assert!(
            error
                .to_string()
                .starts_with("environment variable MFG_DRONE_SERVER__MAX_CONNECTIONS: "),
            "{error}"
        );
        let error = parse("", &[("MFG_DRONE_SERVER__LISEN", "1")]).expect_err("unknown");
        assert!(
            error.to_string().contains("unknown field `lisen`"),
            "{error}"
        );
        let loaded = parse("", &[("MFG_DRONE_SERVER_LISTEN", "x")]).expect("harmless");
        assert_eq!(loaded.warnings.len(), 1);
    }

    #[test]
    fn values_are_located_down_to_the_list_item() {
        let text = "[[alerts.rule]]\nname = \"a\"\nmetric = \"m\"\noperator = \">\"\nthreshold = 1\nlevel = \"info\"\n\n\
                    [[alerts.rule]]\nname = \"b\"\n  metric = \"m\"\noperator = \">\"\nthreshold = 1\nlevel = \"info\"\n";
        let loaded = parse(text, &[]).expect("valid");
        assert_eq!(
            loaded.place(&["alerts", "rule", "1", "metric"]),
            Place::Line("/etc/g.toml".into(), 10, 3)
        );
        assert_eq!(
            loaded.place(&["server", "listen"]),
            Place::Key("server.listen".into())
        );
    }
}
