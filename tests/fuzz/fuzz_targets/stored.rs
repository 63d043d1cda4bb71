//! Any bytes in place of a file of the store: it opens and keeps what it is given then, or
//! says why not; and a backup of any bytes is taken whole or refused.
#![no_main]

use std::fs;

use libfuzzer_sys::fuzz_target;
use store::{Change, RuleRecord, Store};

/// Files of a state directory, as the store names them.
const FILES: [&str; 4] = [
    "gateway.redb",
    "journal-00000000000000000000",
    "snapshot-00000000000000000001",
    "audit-waiting",
];

fuzz_target!(|data: &[u8]| {
    let Some((&which, bytes)) = data.split_first() else {
        return;
    };
    let dir = tempfile::tempdir_in("/dev/shm").expect("a folder in memory");
    let backup = dir.path().join("backup");
    fs::write(&backup, bytes).expect("written");
    let state = dir.path().join("state");
    if store::restore(&backup, &state).is_err() {
        fs::create_dir_all(&state).expect("made");
        let name = FILES[usize::from(which) % FILES.len()];
        fs::write(state.join(name), bytes).expect("written");
    }
    let Ok((store, _)) = Store::open(&state) else {
        return;
    };
    let _ = (store.keys(), store.alerts(), store.audit(100), store.history());
    let rule = RuleRecord {
        name: "kept".to_owned(),
        metric: "cpu_usage".to_owned(),
        operator: ">".to_owned(),
        threshold: 1.0,
        level: "info".to_owned(),
        alert_type: "system".to_owned(),
        enabled: true,
        cooldown_minutes: 0,
        for_s: 0,
        hysteresis: 0.0,
        source: None,
        auto_resolve: None,
        deleted: false,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    if runtime.block_on(store.commit(vec![Change::PutRule(rule.clone())])).is_err() {
        return;
    }
    drop(store);
    let (store, _) = Store::open(&state).expect("what took a commit opens again");
    assert!(store.rules().contains(&rule));
});
