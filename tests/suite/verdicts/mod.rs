//! `check` foretells `run`: 2 exactly when `run` refuses, 3 when it starts and
//! something outside is missing, 0 when all is well. Over combinations of what may
//! be right, missing or wrong, and over the documented file with keys and values
//! changed at random. The real binary each time, on loopback.

mod parts;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use gateway_tests::gateway::Prepared;
use gateway_tests::{Block, Gateway};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use toml::{Table, Value};

use crate::settings::{check, run};
use parts::{AIMS, Lot, PARTS};

/// Gateways at the same time.
const AT_ONCE: usize = 4;
/// Combinations tried.
const COMBINATIONS: usize = 96;
/// Changed configurations tried, unless `GATEWAY_TESTS_CHANGED_FILES` says how many.
const MUTATIONS: usize = 100;
const SEED: u64 = 0x5e77_1265;

/// Choices that are the same in every run.
struct Dice(fastrand::Rng);

impl Dice {
    fn new(seed: u64) -> Dice {
        Dice(fastrand::Rng::with_seed(seed))
    }

    fn below(&mut self, end: usize) -> usize {
        self.0.usize(..end)
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

/// A configuration with one text of each part, and what it comes to.
fn combination(dice: &mut Dice) -> anyhow::Result<(Prepared, Lot, String)> {
    let mut builder = Gateway::builder();
    let host = builder.block().host(9).to_string();
    let (mut lot, mut told) = (Lot::Well, String::new());
    for (section, choices) in PARTS {
        // Sound ones more often, or nearly every combination would be refused.
        let (text, comes_to) = match dice.below(5) {
            0 => *dice.pick(choices),
            _ => choices[0],
        };
        lot = match (lot, comes_to) {
            (Lot::Refused, _) | (_, Lot::Refused) => Lot::Refused,
            (one, other) => one.max(other),
        };
        let text = match *section {
            "server" | "camera" => text.replace("HOST", &builder.block().gateway().to_string()),
            _ => text.replace("HOST", &host),
        };
        if text.is_empty() {
            continue;
        }
        let _ = write!(told, "[{section}] {text}; ");
        builder = match *section {
            "server" => builder.server(&text),
            "access" => builder.access(&text),
            "drones" => builder.drones(&text),
            "notify" => builder.config(&text),
            "[notify.webhook]" => {
                builder.config(&format!("[[notify.webhook]]\nname = \"site\"\n{text}"))
            }
            section => builder.config(&format!("[{section}]\n{text}")),
        };
    }
    Ok((builder.prepare()?, lot, told))
}

/// Whether `run` refused one configuration; or how the verdicts on it differ.
async fn compare(prepared: Prepared, expected: Option<Lot>, about: String) -> Result<bool, String> {
    let verdicts = async {
        // Before the start, which makes state and certificates.
        let foretold = check(&prepared, &[]).await?;
        let started = run(&prepared, &[]).await?;
        let afterwards = check(&prepared, &[]).await?;
        anyhow::Ok((foretold, started, afterwards))
    };
    let (foretold, started, afterwards) = match verdicts.await {
        Ok(verdicts) => verdicts,
        Err(error) => return Err(format!("{about}: {error:#}")),
    };
    let refused = started.code.is_some();
    let right = |code: Option<i32>| match (refused, code) {
        (true, Some(2)) => true,
        (false, Some(0 | 3)) => expected.is_none_or(|lot| code == Some(lot as i32)),
        _ => false,
    };
    let as_expected = expected.is_none_or(|lot| refused == (lot == Lot::Refused));
    if right(foretold.code) && right(afterwards.code) && as_expected {
        return Ok(refused);
    }
    Err(format!(
        "{about}\nexpected {expected:?}\nrun: {:?} {}\ncheck before: {:?} {}\ncheck after: {:?} {}",
        started.code,
        started.complaint,
        foretold.code,
        foretold.complaint,
        afterwards.code,
        afterwards.complaint
    ))
}

/// Compares many, a few at a time; how many were refused. Fails with all that are
/// wrong.
async fn compare_all(
    all: impl Iterator<Item = anyhow::Result<(Prepared, Option<Lot>, String)>>,
) -> anyhow::Result<usize> {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    let mut tasks = JoinSet::new();
    for one in all {
        let (prepared, expected, about) = one?;
        let places = places.clone();
        tasks.spawn(async move {
            let _place = places.acquire().await;
            compare(prepared, expected, about).await
        });
    }
    let verdicts = tasks.join_all().await;
    let wrong: Vec<&str> = verdicts
        .iter()
        .filter_map(|verdict| verdict.as_ref().err().map(String::as_str))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    Ok(verdicts.into_iter().filter(|v| *v == Ok(true)).count())
}

#[tokio::test]
async fn check_foretells_run_over_combinations() -> anyhow::Result<()> {
    let mut seen = BTreeMap::new();
    let all: Vec<_> = (0..COMBINATIONS)
        .map(|index| combination(&mut Dice::new(SEED + index as u64)))
        .collect::<Result<_, _>>()?;
    for (_, lot, _) in &all {
        *seen.entry(*lot).or_insert(0) += 1;
    }
    for lot in [Lot::Well, Lot::Missing, Lot::Refused] {
        assert!(
            seen.get(&lot).is_some_and(|count| *count >= 8),
            "the combinations are one-sided: {seen:?}"
        );
    }
    compare_all(
        all.into_iter()
            .map(|(prepared, lot, told)| Ok((prepared, Some(lot), told))),
    )
    .await?;
    Ok(())
}

/// The table at `path`; of a list its first.
fn table_at<'t>(mut table: &'t mut Table, path: &[&str]) -> &'t mut Table {
    for key in path {
        let inner = match table.get_mut(*key) {
            Some(Value::Array(list)) => list.first_mut().unwrap(),
            Some(inner) => inner,
            None => panic!("the documented file has no {path:?}"),
        };
        table = inner.as_table_mut().unwrap();
    }
    table
}

/// The documented file with every setting switched on, moved to `block`: a test
/// must not listen on every interface, search networks or talk to strangers.
fn documented(block: Block) -> anyhow::Result<Table> {
    let mut table: Table = toml::from_str(&crate::cross_config::switched_on())?;
    let host = block.gateway().to_string();
    let mut set = |section: &str, key: &str, value: Option<Value>| {
        let Some(section) = table.get_mut(section).and_then(Value::as_table_mut) else {
            return;
        };
        match value {
            Some(value) => section.insert(key.to_owned(), value),
            None => section.remove(key),
        };
    };
    let text = |text: &str| Some(Value::String(text.to_owned()));
    set("server", "listen", text(&format!("{host}:8443")));
    set("server", "http_listen", text(&format!("{host}:8000")));
    set("server", "metrics_listen", text(&format!("{host}:9464")));
    for key in ["cert", "key", "client_ca"] {
        set("tls", key, None);
    }
    set("logging", "dir", text("logs"));
    set("storage", "dir", text("state"));
    set("drones", "bind", text(&host));
    set("drones", "scan_ranges", Some(Value::Array(vec![])));
    set("upstream", "url", text("http://127.0.0.1:1"));
    set("upstream", "key_file", None);
    set("upstream", "ca", None);
    set("notify", "proxy", None);
    set("mqtt", "url", text("mqtt://127.0.0.1:1"));
    for key in ["ca", "cert", "key", "username", "password_file"] {
        set("mqtt", key, None);
    }
    set("camera", "rtsp_listen", text(&format!("{host}:8554")));
    set("logging", "syslog", text("udp://127.0.0.1:1"));
    let mut first = |section: &str, list: &str| -> Option<Table> {
        let list = table.get_mut(section)?.get_mut(list)?.as_array_mut()?;
        list.first_mut()?.as_table_mut().map(std::mem::take)
    };
    let mut drone = first("drones", "drone").unwrap();
    drone.insert(
        "address".to_owned(),
        Value::String(block.host(2).to_string()),
    );
    drone.remove("interface");
    let here = Value::String("http://127.0.0.1:1/x".to_owned());
    for (kind, channels) in table["notify"].as_table_mut().unwrap() {
        // (`proxy` is a text, `allow` a list of them.)
        let Some(channels) = channels.as_array_mut() else {
            continue;
        };
        for channel in channels {
            let Some(channel) = channel.as_table_mut() else {
                continue;
            };
            for key in [
                "url_file",
                "secret_file",
                "token_file",
                "password_file",
                "ca",
            ] {
                channel.remove(key);
            }
            if kind == "email" {
                channel.insert("smtp".to_owned(), text("smtp://127.0.0.1:1").unwrap());
                channel.remove("username");
                continue;
            }
            channel.insert("url".to_owned(), here.clone());
            if kind == "line" {
                channel.insert("token".to_owned(), text("token").unwrap());
            }
        }
    }
    table["drones"]["drone"][0] = drone.into();
    Ok(table)
}

/// Values that somebody might write where another belongs.
fn strange(dice: &mut Dice) -> Value {
    let texts = [
        "",
        "x",
        "127.0.0.1",
        "0.0.0.0",
        "::1",
        "127.0.0.1:0",
        "/dev/null/below",
        "a b",
        "\u{e4}\u{f6}",
        "http://127.0.0.1:1",
        "https://192.0.2.1",
        "strict",
        "warning",
        "-1",
        "\n",
    ];
    match dice.below(8) {
        0 => Value::Integer(*dice.pick(&[0, 1, -1, 2, 60, 64, 65, 1000, 65_535, 65_536])),
        1 => Value::Integer(*dice.pick(&[i64::MAX, i64::MIN, i64::from(u32::MAX), 86_400])),
        2 => Value::Float(*dice.pick(&[0.0, -1.0, 0.5, f64::NAN, f64::INFINITY, 1e300, 60.0])),
        3 => Value::Boolean(dice.below(2) == 0),
        4 => Value::Array(vec![Value::String((*dice.pick(&texts)).to_owned())]),
        5 => Value::Table(Table::new()),
        _ => Value::String((*dice.pick(&texts)).to_owned()),
    }
}

/// Changes one key of one table, however deep.
fn mutate(table: &mut Table, dice: &mut Dice, told: &mut String) {
    let keys: Vec<String> = table.keys().cloned().collect();
    if keys.is_empty() {
        return;
    }
    let key = dice.pick(&keys).clone();
    let _ = write!(told, "{key}.");
    let deeper = match table.get_mut(&key) {
        Some(Value::Table(inner)) => Some(inner),
        Some(Value::Array(items)) if dice.below(4) > 0 => {
            items.first_mut().and_then(Value::as_table_mut)
        }
        _ => None,
    };
    if let Some(inner) = deeper {
        return mutate(inner, dice, told);
    }
    match dice.below(10) {
        0 => {
            let _ = write!(told, " removed; ");
            table.remove(&key);
        }
        1 => {
            let value = table.remove(&key).unwrap_or(Value::Boolean(true));
            let _ = write!(told, " misspelt; ");
            table.insert(format!("{key}s"), value);
        }
        2 => {
            // The same entry twice, in a list of tables.
            let _ = write!(told, " doubled; ");
            if let Some(Value::Array(items)) = table.get_mut(&key) {
                items.extend(items.clone());
            }
        }
        _ => {
            let value = strange(dice);
            let _ = write!(told, " = {value}; ");
            table.insert(key, value);
        }
    }
}

#[tokio::test]
async fn check_foretells_run_over_changed_files() -> anyhow::Result<()> {
    let changed = |index: usize| {
        let mut dice = Dice::new(SEED + 1000 + index as u64);
        let prepared = Gateway::builder().prepare()?;
        let mut table = documented(prepared.block)?;
        let mut told = format!("file {index}: ");
        // The first is the documented file itself.
        if index > 0 {
            let aim = AIMS[index % AIMS.len()];
            let _ = write!(told, "{}.", aim.join("."));
            mutate(table_at(&mut table, aim), &mut dice, &mut told);
        }
        if index > 0 && dice.below(2) == 0 {
            mutate(&mut table, &mut dice, &mut told);
        }
        std::fs::write(&prepared.file, toml::to_string(&table)?)?;
        let expected = (index == 0).then_some(Lot::Missing);
        Ok((prepared, expected, told))
    };
    let count = match std::env::var("GATEWAY_TESTS_CHANGED_FILES") {
        Ok(count) => count.parse()?,
        Err(_) => MUTATIONS,
    };
    let refused = compare_all((0..count).map(changed)).await?;
    // Most strange values are refused; but some of each kind there must be.
    let tenth = count / 10;
    assert!(
        (tenth..count - tenth).contains(&refused),
        "{refused} of {count} were refused: the changes are one-sided"
    );
    Ok(())
}
