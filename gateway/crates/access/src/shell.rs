//! Keys and limits as the gateway uses them: reads the wall clock, and waits for what
//! keeps the records. What is decided is decided in the pure files below.

mod sign_in;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use readings::clock::{self, Mono, term_now};

use super::audit::{self, Incidents};
use super::browsers::Browsers;
use super::client::{AttachedNetwork, ClientAddress};
use super::config::Config;
use super::decision::{Denial, RateClass, RateVerdict};
use super::error::KeyError;
use super::first;
use super::first_keys::FirstKeys;
use super::gate::{Gate, Refusal};
use super::keys::{self, NewKey};
use super::lockout::LockedOut;
use super::overrides::Overrides;
use super::permission::Permission;
use super::random;
use super::records::{Change, KeyId, KeyRecord, NotDurable, Records};
use super::session::{Session, SessionId};
use super::stats::AccessStats;

pub use sign_in::{LinkTo, SignInError, SignedIn};

/// Keys and limits; shared by reference.
pub struct Access {
    keyring: Arc<Keyring>,
}

struct Keyring {
    gate: Gate,
    browsers: Browsers,
    incidents: Incidents,
    max_keys: AtomicUsize,
    records: Box<dyn Records>,
    /// Held while a key is made or revoked: the table must not change between
    /// the check, the commit and the new table.
    writer: tokio::sync::Mutex<()>,
}

impl Access {
    /// Loads the keys; makes and stores the first two when there are none.
    /// `admin` and `readonly` set their strings (environment, credentials); what
    /// a changed or missing one means is said at the top of `first.rs`.
    ///
    /// # Errors
    /// [`KeyError::Override`] when a given key is too weak or published,
    /// [`KeyError::Storage`] when the first keys cannot be made durable.
    pub async fn open(
        config: &Config,
        records: impl Records,
        admin: Option<String>,
        readonly: Option<String>,
    ) -> Result<(Access, Option<FirstKeys>), KeyError> {
        Access::start(
            config,
            Box::new(records),
            &Overrides::given(admin, readonly)?,
        )
        .await
    }

    /// As [`Access::open`] with the two published keys. For the demo only: it
    /// is the caller who sees to it that every listener is on loopback.
    ///
    /// # Errors
    /// [`KeyError::Storage`] when the keys cannot be made durable.
    pub async fn open_demo(config: &Config, records: impl Records) -> Result<Access, KeyError> {
        let (access, _) = Access::start(config, Box::new(records), &Overrides::published()).await?;
        Ok(access)
    }

    async fn start(
        config: &Config,
        records: Box<dyn Records>,
        overrides: &Overrides,
    ) -> Result<(Access, Option<FirstKeys>), KeyError> {
        let start = first::plan(
            records.keys(),
            overrides,
            term_now().as_microsecond(),
            random::generate,
        )?;
        if !start.changes.is_empty() {
            records.commit(start.changes.clone()).await?;
            audit::log_all(&start.changes);
        }
        let gate = Gate::new(config, start.keys.into_iter().collect());
        let keyring = Keyring {
            browsers: Browsers::restore(records.sessions(), &gate.keys()),
            gate,
            incidents: Incidents::default(),
            max_keys: AtomicUsize::new(config.max_keys),
            records,
            writer: tokio::sync::Mutex::new(()),
        };
        Ok((
            Access {
                keyring: Arc::new(keyring),
            },
            start.first,
        ))
    }

    /// Takes reloaded limits. Buckets and lock-outs under way are kept.
    pub fn reload(&self, config: &Config) {
        self.keyring
            .max_keys
            .store(config.max_keys, Ordering::Relaxed);
        self.keyring.gate.reload(config);
    }

    /// Rings when keys or the configuration have changed; what let somebody in without a
    /// key may be over then.
    #[must_use]
    pub fn changes(&self) -> tokio::sync::watch::Receiver<()> {
        self.keyring.gate.changes()
    }

    /// Has whoever listens to [`Access::changes`] look again.
    pub fn ring(&self) {
        self.keyring.gate.ring();
    }

    /// Takes the networks that this host is attached to now: their addresses are
    /// told apart by limits and lock-outs.
    pub fn attach(&self, networks: Vec<AttachedNetwork>) {
        self.keyring.gate.attach(networks);
    }

    /// Counts the request against the limit of its client address.
    #[must_use]
    pub fn rate_check(&self, class: RateClass, client: IpAddr, now: Mono) -> RateVerdict {
        self.keyring.gate.rate_check(class, client, now)
    }

    /// Counts a request of class [`RateClass::Other`] against the limit of its
    /// key, so that one key is limited from however many addresses it comes.
    #[must_use]
    pub fn rate_check_key(&self, key: &KeyId, now: Mono) -> RateVerdict {
        self.keyring.gate.rate_check_key(key, now)
    }

    /// Authenticates and, when `needs` is given, checks the permission. The
    /// session ends with the key; who holds it on waits for [`Session::ended`].
    /// Counts usage on success and failures towards the lock-out.
    ///
    /// # Errors
    /// [`Denial`].
    pub fn authorise(
        &self,
        presented: Option<&[u8]>,
        client: IpAddr,
        needs: Option<Permission>,
        now: Mono,
    ) -> Result<Session, Denial> {
        let wall_us = term_now().as_microsecond();
        self.keyring
            .gate
            .authorise(presented, client, needs, now, wall_us)
            .map_err(|refusal| self.keyring.refused(&refusal, client, now, wall_us))
    }

    /// Keeps who commanded a drone, and in which session: in the security log, and
    /// within a budget in the audit trail.
    pub fn record_flight(
        &self,
        actor: &str,
        session: Option<SessionId>,
        client: IpAddr,
        subject: &str,
    ) {
        // In the text, because the stored record has no place of its own for it.
        let subject = match session {
            Some(id) => format!("{subject} (session {id})"),
            None => subject.to_owned(),
        };
        let wall_us = term_now().as_microsecond();
        if let Some(record) =
            self.keyring
                .incidents
                .flown(actor, client, &subject, Mono::now(), wall_us)
        {
            self.keyring.records.defer(vec![Change::Audit(record)]);
        }
    }

    /// Keeps who took a recording of a flight, pinned or removed it, as above.
    pub fn record_recording(&self, event: &str, actor: &str, client: IpAddr, subject: String) {
        let (now, wall_us) = (Mono::now(), term_now().as_microsecond());
        let incidents = &self.keyring.incidents;
        if let Some(record) = incidents.recording(event, actor, client, subject, now, wall_us) {
            self.keyring.records.defer(vec![Change::Audit(record)]);
        }
    }

    /// Every address that is locked out, the longest first.
    #[must_use]
    pub fn locked_out(&self) -> Vec<LockedOut> {
        let mut locked = self.keyring.gate.locked_out(Mono::now());
        locked.sort_by_key(|one| (std::cmp::Reverse(one.remaining), one.client));
        locked
    }

    /// Ends the lock-out of `client` and forgets its failures; says whether it was
    /// locked out. Who did it is on record before it returns.
    ///
    /// # Errors
    /// [`NotDurable`]: the lock-out is over, and only the log says who ended it.
    pub async fn lift_lockout(&self, client: ClientAddress, by: &str) -> Result<bool, NotDurable> {
        let lifted = self.keyring.gate.lift_lockout(client, Mono::now());
        if lifted {
            let entry = audit::lockout_lifted(client, by, term_now().as_microsecond());
            audit::log(&entry);
            self.keyring
                .records
                .commit(vec![Change::Audit(entry)])
                .await?;
        }
        Ok(lifted)
    }

    /// The clock is known from now on, and by `by_us` later than was thought: terms that
    /// began before, as a key's thirty days, begin then. Durable before it returns.
    ///
    /// # Errors
    /// [`NotDurable`]: so it is in this run, and a restart finds them as they were.
    pub async fn anchor_terms(&self, by_us: i64) -> Result<(), NotDurable> {
        let _writer = self.keyring.writer.lock().await;
        let keys = self.keyring.gate.keys();
        let mut changes: Vec<Change> = keys
            .iter()
            .filter_map(|entry| entry.anchor(by_us))
            .map(Change::PutKey)
            .collect();
        if changes.is_empty() {
            return Ok(());
        }
        let entry = audit::terms_anchored(changes.len(), by_us, term_now().as_microsecond());
        audit::log(&entry);
        changes.push(Change::Audit(entry));
        self.keyring.records.commit(changes).await
    }

    /// Every key, oldest first.
    #[must_use]
    pub fn keys(&self) -> Vec<KeyRecord> {
        let mut keys: Vec<KeyRecord> = self
            .keyring
            .gate
            .keys()
            .iter()
            .map(|entry| entry.record())
            .collect();
        keys.sort_by(|a, b| (a.created_us, &a.name).cmp(&(b.created_us, &b.name)));
        keys
    }

    /// Creates a key; durable before it returns. The clear key is only here.
    ///
    /// # Errors
    /// [`KeyError`].
    pub async fn create_key(
        &self,
        name: &str,
        permissions: &str,
        expires_days: Option<u32>,
        by: &str,
    ) -> Result<(String, KeyRecord), KeyError> {
        let new = NewKey::parse(name, permissions, expires_days)?;
        let (keyring, by) = (self.keyring.clone(), by.to_owned());
        to_the_end(async move { keyring.create(new, &by).await }).await
    }

    /// Revokes by full key, by preview or by the preview without dots; durable
    /// before it returns.
    ///
    /// # Errors
    /// [`KeyError::Unknown`], [`KeyError::LastAdmin`], [`KeyError::Storage`].
    pub async fn revoke_key(&self, key_or_preview: &str, by: &str) -> Result<KeyRecord, KeyError> {
        let (keyring, by) = (self.keyring.clone(), by.to_owned());
        let meant = zeroize::Zeroizing::new(key_or_preview.to_owned());
        to_the_end(async move { keyring.revoke(&meant, &by).await }).await
    }

    /// Hands changed usage counts to the store's next batch.
    pub fn flush_usage(&self) {
        let changed: Vec<Change> = self
            .keyring
            .gate
            .keys()
            .iter()
            .filter_map(|entry| entry.take_unflushed())
            .map(Change::PutKey)
            .collect();
        if !changed.is_empty() {
            self.keyring.records.defer(changed);
        }
    }

    /// Counters.
    #[must_use]
    pub fn stats(&self) -> AccessStats {
        let stats = self.keyring.gate.stats(Mono::now());
        self.keyring.browsers.counted(stats)
    }
}

/// Why a change is not done that the end of the runtime cut off.
const STOPPING: &str = "the change is not saved: the gateway is stopping";

/// Runs a change of the keys to its end even when the client hangs up: a key
/// that is gone from the store must not live on in the table, nor the reverse.
async fn to_the_end<T: Send + 'static>(
    change: impl Future<Output = Result<T, KeyError>> + Send + 'static,
) -> Result<T, KeyError> {
    // The only way not to be joined is that the runtime ends first.
    tokio::spawn(change)
        .await
        .unwrap_or_else(|_| Err(NotDurable(STOPPING.into()).into()))
}

impl Keyring {
    /// Logs a refusal, and puts it into the audit trail within the budget.
    fn refused(&self, refusal: &Refusal, client: IpAddr, now: Mono, wall_us: i64) -> Denial {
        let incident = refusal.incident.as_ref();
        let entry = incident
            .and_then(|incident| {
                let counted_as = self.gate.client(client);
                self.incidents
                    .record(incident, client, counted_as, now, wall_us)
            })
            .map(Change::Audit);
        if let Some(record) = entry {
            self.records.defer(vec![record]);
        }
        refusal.denial
    }

    async fn create(&self, new: NewKey, by: &str) -> Result<(String, KeyRecord), KeyError> {
        let _writer = self.writer.lock().await;
        let table = self.gate.keys();
        let now_us = term_now().as_microsecond();
        let (mut key, record) = new.make(&table, self.max_keys.load(Ordering::Relaxed), now_us)?;
        let entry = audit::key_created(&record, by, now_us);
        self.records
            .commit(vec![
                Change::PutKey(record.clone()),
                Change::Audit(entry.clone()),
            ])
            .await?;
        let table = table.with(record.clone());
        if let Some(key) = table.find(&record.id).filter(|_| !clock::is_confirmed()) {
            key.begin_provisionally();
        }
        self.gate.install(table);
        audit::log(&entry);
        Ok((std::mem::take(&mut *key), record))
    }

    async fn revoke(&self, key_or_preview: &str, by: &str) -> Result<KeyRecord, KeyError> {
        let _writer = self.writer.lock().await;
        let table = self.gate.keys();
        let now_us = term_now().as_microsecond();
        let record = keys::revocable(&table, key_or_preview, now_us)?.record();
        let entry = audit::key_revoked(&record, by, now_us);
        self.records
            .commit(vec![
                Change::DeleteKey(record.id),
                Change::Audit(entry.clone()),
            ])
            .await?;
        self.gate.install(table.without(&record.id));
        audit::log(&entry);
        Ok(record)
    }
}

#[cfg(test)]
#[path = "shell_tests.rs"]
mod tests;
