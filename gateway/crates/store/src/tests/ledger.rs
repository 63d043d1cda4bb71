//! Thousands of injected faults, each acknowledged commit checked against a
//! ledger kept outside the store.

use std::collections::BTreeMap;

use super::*;
use crate::Change;
use crate::faults::Fault;

/// Faults injected at least.
const FAULTS: u64 = 2_000;
const ENOSPC: i32 = 28;
const EROFS: i32 = 30;
const EIO: i32 = 5;

/// The seed is all there is to a round.
struct Chance(fastrand::Rng);

impl Chance {
    fn below(&mut self, bound: u64) -> u64 {
        self.0.u64(..bound)
    }

    fn fault(&mut self) -> Fault {
        match self.below(6) {
            0 => Fault::Error(ENOSPC),
            1 => Fault::Error(EROFS),
            2 | 3 => Fault::Error(EIO),
            4 => Fault::Short,
            _ => Fault::Torn,
        }
    }
}

/// What was acknowledged: text of alerts by sequence, names of keys by number.
type Ledger = (BTreeMap<u64, String>, BTreeMap<u8, String>);

fn change(chance: &mut Chance, serial: u64) -> Change {
    let seq = chance.below(12);
    match chance.below(5) {
        0 | 1 => Change::PutAlert(alert(seq, &format!("serial {serial}")), None),
        2 => Change::DeleteAlert(seq),
        3 => Change::PutKey(key(seq as u8, &format!("serial {serial}"))),
        _ => Change::DeleteKey(KeyId([seq as u8; 32])),
    }
}

fn entered(ledger: &Ledger, change: &Change) -> Ledger {
    let mut ledger = ledger.clone();
    match change {
        Change::PutAlert(record, _) => drop(ledger.0.insert(record.seq, record.message.clone())),
        Change::DeleteAlert(seq) => drop(ledger.0.remove(seq)),
        Change::PutKey(record) => drop(ledger.1.insert(record.id.0[0], record.name.clone())),
        Change::DeleteKey(id) => drop(ledger.1.remove(&id.0[0])),
        _ => unreachable!("not made by `change`"),
    }
    ledger
}

fn found(store: &Store) -> Ledger {
    (
        store
            .alerts()
            .into_iter()
            .map(|record| (record.seq, record.message))
            .collect(),
        store
            .keys()
            .into_iter()
            .map(|record| (record.id.0[0], record.name))
            .collect(),
    )
}

/// One life of a store under faults, ended by a stop or a power cut.
/// Returns the faults that hit.
async fn round(seed: u64, dir: &Path, ledger: &mut Ledger, losses: &mut u64) -> u64 {
    let mut chance = Chance(fastrand::Rng::with_seed(seed));
    let medium = Arc::new(Medium::default());
    medium.faults.record();
    let opened = Store::start(options(dir), medium.clone());
    let (store, _) = opened.expect("a store that was closed or cut opens without faults");
    let mut refused: Vec<Change> = Vec::new();
    for step in 0..16 {
        if chance.below(2) == 0 {
            medium
                .faults
                .arm(chance.below(40), 1 + chance.below(3), chance.fault());
        }
        match chance.below(12) {
            0 => drop(store.snapshot().await),
            1 => {
                store.defer(vec![Change::History(history("height", step..step + 2))]);
                drop(store.flush().await);
            }
            _ => {}
        }
        let change = change(&mut chance, seed * 100 + u64::from(step));
        match store.commit(vec![change.clone()]).await {
            Ok(()) => {
                *ledger = entered(ledger, &change);
                refused.clear();
            }
            Err(_) => refused.push(change),
        }
        assert_eq!(
            found(&store),
            *ledger,
            "seed {seed}: memory shows what was acknowledged, no more"
        );
    }
    let hits = medium.faults.disarm();
    let cut = chance.below(2) == 0;
    if cut {
        // From here on nothing reaches the card.
        medium.faults.arm(0, u64::MAX, Fault::Error(EIO));
    }
    drop(store);
    medium.faults.disarm();
    if cut {
        medium.faults.power_cut(dir, |bound| chance.below(bound));
    }

    let (store, recovery) = open(dir);
    let now = found(&store);
    // A commit that was refused just before the cut may or may not have landed.
    let possible =
        now == *ledger || (cut && refused.iter().any(|change| now == entered(ledger, change)));
    // Two faults at once, redb's header torn and no journal to put it right
    // because that could not be written either: then the loss is told.
    let told = cut && recovery.lost.is_some();
    *losses += u64::from(!possible && told);
    assert!(
        possible || told,
        "seed {seed}, {recovery:?}:\nfound {now:?}\nacknowledged {ledger:?}\nrefused {refused:?}"
    );
    *ledger = now;
    hits
}

#[tokio::test]
async fn no_acknowledged_commit_is_lost_under_thousands_of_faults() {
    let mut faults = 0;
    let (mut seed, mut losses) = (0, 0);
    while faults < FAULTS {
        let dir = tempfile::tempdir().expect("temporary directory");
        let mut ledger = Ledger::default();
        for _ in 0..8 {
            seed += 1;
            faults += round(seed, dir.path(), &mut ledger, &mut losses).await;
        }
    }
    assert!(
        losses * 50 <= seed,
        "{losses} told losses in {seed} lives and {faults} faults"
    );
}
