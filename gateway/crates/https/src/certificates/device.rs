//! The device's own authority and leaf.
//!
//! The authority is made once and lasts as long as the board: people trust it
//! by hand. The leaf is short-lived and renewed by itself, when it nears its
//! end, when the host's names change, and when a board that started without a
//! clock has learnt the time.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyPair, KeyUsagePurpose, date_time_ymd,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::clock;
use super::constraints::{self, Limits};
use super::error::CertificateError;
use super::files::{self, PLAUSIBLE_CLOCK_S};
use super::info::{LEFT_OUT, fingerprint};
use super::names::Names;
use super::pair::Pair;

/// Days a leaf is valid; the longest that phones accept from an authority that
/// their owner installed is 825.
const LEAF_DAYS: i64 = 800;
/// Days before its end at which a leaf is replaced.
const RENEW_DAYS: i64 = 60;
/// Years between which the authority, and the leaf of a board without a clock,
/// are valid: wide enough for any clock, inside what every parser reads.
const WIDE_YEARS: (i32, i32) = (2020, 2049);

const AUTHORITY: &str = "ca.pem";
const AUTHORITY_KEY: &str = "ca-key.pem";
const LEAF: &str = "cert.pem";
const LEAF_KEY: &str = "key.pem";

/// What signs a leaf, and what it may vouch for.
type Authority = (Issuer<'static, KeyPair>, Option<Limits>);

/// The `tls` directory of a state directory.
pub(super) struct Device {
    dir: PathBuf,
    /// Something said what time it is.
    is_told: bool,
}

impl Device {
    pub(super) fn at(state_dir: &Path) -> Device {
        Device {
            dir: state_dir.join("tls"),
            is_told: clock::is_known(),
        }
    }

    fn knows_time(&self, now: Timestamp) -> bool {
        self.is_told && now.as_second() >= PLAUSIBLE_CLOCK_S
    }

    /// The pair as it lies there.
    pub(super) fn load(&self, names: &Names, now: Timestamp) -> Result<Pair, CertificateError> {
        let mut pair = files::load(&self.path(LEAF), &self.path(LEAF_KEY), now)?;
        let authority = self.path(AUTHORITY);
        let authority = CertificateDer::from_pem_file(&authority).map_err(|error| {
            CertificateError::file(&authority, format!("cannot be read: {error}"))
        })?;
        pair.info.authority_fingerprint = Some(fingerprint(&authority));
        let limits = Limits::of(&authority);
        pair.info.authority_limited = Some(limits.is_some());
        pair.info.left_out = left_out(names, limits.as_ref()).cloned().collect();
        Ok(pair)
    }

    /// The pair, made or renewed when it is missing, nearly over or for other names.
    pub(super) fn open(&self, names: &Names, now: Timestamp) -> Result<Pair, CertificateError> {
        match self.load(names, now) {
            Ok(pair) if !self.is_due(&pair, names, now) => Ok(pair),
            Ok(_) | Err(CertificateError::Expired { .. }) => self.renew(names, now),
            // Nothing there yet, or not readable: the device's own is the
            // device's to replace. The authority is kept whenever it can be.
            Err(_) => self.renew(names, now),
        }
    }

    fn is_due(&self, pair: &Pair, names: &Names, now: Timestamp) -> bool {
        let info = &pair.info;
        let mut has = info.names.iter().chain(&info.left_out);
        let has: BTreeSet<&String> = has.by_ref().collect();
        let named = names.all.iter().all(|name| has.contains(name));
        let knows_time = self.knows_time(now);
        // (It is this late, or later.)
        let is_plausible = now.as_second() >= PLAUSIBLE_CLOCK_S;
        let provisional = pair.info.not_after - pair.info.not_before
            > SignedDuration::from_hours(24 * (LEAF_DAYS + 2));
        let nearly_over = now + SignedDuration::from_hours(24 * RENEW_DAYS) > pair.info.not_after;
        !named
            || (is_plausible && nearly_over)
            || (knows_time && (provisional || now < pair.info.not_before))
    }

    /// A new leaf, and a new authority if there is none.
    pub(super) fn renew(&self, names: &Names, now: Timestamp) -> Result<Pair, CertificateError> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&self.dir)
            .map_err(|error| {
                CertificateError::file(&self.dir, format!("cannot be made: {error}"))
            })?;
        let (issuer, limits) = self.authority(names)?;
        let key = KeyPair::generate().map_err(making)?;
        let left_out: BTreeSet<&String> = left_out(names, limits.as_ref()).collect();
        // What the owner named, and what the board merely has: a public address of its
        // own is no fault, and no new authority would vouch for it either.
        let (wanted, found): (Vec<&String>, Vec<&String>) = left_out
            .iter()
            .copied()
            .partition(|name| names.own.contains(*name));
        if !wanted.is_empty() {
            let names = joined(&wanted);
            tracing::warn!(names, "left out of the certificate: {LEFT_OUT}");
        }
        if !found.is_empty() {
            tracing::info!(
                addresses = joined(&found),
                "public addresses of the board are not in its certificate; to be called by one, add it to tls.names and \
                 run `cert renew --authority`"
            );
        }
        let named = names.all.iter().filter(|name| !left_out.contains(name));
        let known = self.knows_time(now).then_some(now);
        let leaf = leaf_parameters(named.cloned().collect(), known)?
            .signed_by(&key, &issuer)
            .map_err(making)?;
        // The key first: a leaf without its key is made anew at the next start,
        // the other way round an old leaf would meet a new key.
        self.write(LEAF_KEY, &key.serialize_pem())?;
        self.write(LEAF, &leaf.pem())?;
        tracing::info!(names = names.all.len(), "made a new certificate");
        self.load(names, now)
    }

    /// Whether [`Device::open`] would come to a pair; makes nothing.
    pub(super) fn outlook(&self, names: &Names, now: Timestamp) -> Result<(), CertificateError> {
        match self.load(names, now) {
            Ok(pair) if !self.is_due(&pair, names, now) => Ok(()),
            _ if self.dir.exists() && !self.dir.is_dir() => {
                let reason = "is not a directory; move it away";
                Err(CertificateError::file(&self.dir, reason))
            }
            _ => self.known_authority().map(drop),
        }
    }

    /// Lets the authority go: the next leaf begins with a new one.
    pub(super) fn forget_authority(&self) -> Result<(), CertificateError> {
        // The certificate alone: without it there is no authority, and a power cut
        // never leaves the one's key beside the other's certificate.
        let path = self.path(AUTHORITY);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(
                CertificateError::file(&path, format!("cannot be removed: {error}")),
            ),
            _ => Ok(()),
        }
    }

    /// The authority that lies there and its limits, if one does.
    fn known_authority(&self) -> Result<Option<Authority>, CertificateError> {
        let (cert_path, key_path) = (self.path(AUTHORITY), self.path(AUTHORITY_KEY));
        // People trust the authority by hand: one that is there but cannot be
        // read is an error, never a reason to make another.
        if cert_path.exists() && key_path.exists() {
            let read = |path: &Path| {
                let unreadable =
                    |error| CertificateError::file(path, format!("cannot be read: {error}"));
                fs::read_to_string(path).map_err(unreadable)
            };
            let (cert, key) = (read(&cert_path)?, read(&key_path)?);
            let key = KeyPair::from_pem(&key)
                .map_err(|error| CertificateError::file(&key_path, error))?;
            let issuer = Issuer::from_ca_cert_pem(&cert, key)
                .map_err(|error| CertificateError::file(&cert_path, error))?;
            let der = CertificateDer::from_pem_slice(cert.as_bytes())
                .map_err(|error| CertificateError::file(&cert_path, error))?;
            return Ok(Some((issuer, Limits::of(&der))));
        }
        Ok(None)
    }

    /// The authority and its limits; made if there is none.
    fn authority(&self, names: &Names) -> Result<Authority, CertificateError> {
        if let Some(known) = self.known_authority()? {
            return Ok(known);
        }
        let key = KeyPair::generate().map_err(making)?;
        let parameters = authority_parameters(names)?;
        let certificate = parameters.self_signed(&key).map_err(making)?;
        self.write(AUTHORITY_KEY, &key.serialize_pem())?;
        self.write(AUTHORITY, &certificate.pem())?;
        let limits = Limits::of(certificate.der());
        Ok((Issuer::new(parameters, key), limits))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The certificate that is for people to trust.
    pub(super) fn authority_path(&self) -> PathBuf {
        self.path(AUTHORITY)
    }

    /// Writes a file whole or not at all, readable by the gateway only.
    fn write(&self, name: &str, text: &str) -> Result<(), CertificateError> {
        let path = self.path(name);
        durable::replace(&path, text.as_bytes())
            .map_err(|error| CertificateError::file(&path, format!("cannot be written: {error}")))
    }
}

/// Names of `names` that an authority with these limits may not vouch for.
fn left_out<'a>(names: &'a Names, limits: Option<&'a Limits>) -> impl Iterator<Item = &'a String> {
    let may = move |name: &&String| limits.is_none_or(|limits| limits.permit(name));
    names.all.iter().filter(move |name| !may(name))
}

fn joined(names: &[&String]) -> String {
    let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
    names.join(", ")
}

fn making(error: rcgen::Error) -> CertificateError {
    CertificateError::Making(error.to_string())
}

fn named(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "MFG drone gateway");
    name.push(DnType::CommonName, common);
    name
}

fn authority_parameters(names: &Names) -> Result<CertificateParams, CertificateError> {
    let mut parameters = CertificateParams::new(Vec::new()).map_err(making)?;
    // A random part tells the authorities of several boards apart in a list of
    // trusted certificates.
    let random = uuid::Uuid::new_v4().simple().to_string();
    parameters.distinguished_name = named(&format!("Device authority {}", &random[..8]));
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    parameters.name_constraints = Some(constraints::of_new(&names.own));
    parameters.not_before = date_time_ymd(WIDE_YEARS.0, 1, 1);
    parameters.not_after = date_time_ymd(WIDE_YEARS.1, 12, 31);
    Ok(parameters)
}

/// Without a time it is valid at any that somebody may have.
fn leaf_parameters(
    names: Vec<String>,
    now: Option<Timestamp>,
) -> Result<CertificateParams, CertificateError> {
    let mut parameters = CertificateParams::new(names).map_err(making)?;
    parameters.distinguished_name = named("gateway");
    parameters.use_authority_key_identifier_extension = true;
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    if let Some(now) = now {
        // A day back: clients' clocks are not exact either.
        let day = |offset_days: i64| {
            let at = now + SignedDuration::from_hours(24 * offset_days);
            let date = jiff::tz::TimeZone::UTC.to_datetime(at).date();
            date_time_ymd(date.year().into(), date.month() as u8, date.day() as u8)
        };
        parameters.not_before = day(-1);
        parameters.not_after = day(LEAF_DAYS);
    } else {
        parameters.not_before = date_time_ymd(WIDE_YEARS.0, 1, 1);
        parameters.not_after = date_time_ymd(WIDE_YEARS.1, 12, 31);
    }
    Ok(parameters)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("time stamp")
    }

    /// On a host that knows the time.
    fn told(state_dir: &Path) -> Device {
        Device {
            is_told: true,
            ..Device::at(state_dir)
        }
    }

    fn names(extra: &str) -> Names {
        Names {
            own: BTreeSet::new(),
            all: ["localhost", "127.0.0.1", extra].map(str::to_owned).into(),
        }
    }

    #[test]
    fn the_leaf_is_kept_until_it_is_due_and_the_authority_for_ever() {
        let dir = tempfile::tempdir().expect("directory");
        let device = told(dir.path());
        let now = at("2026-11-24T00:00:00Z");
        let first = device.open(&names("a.local"), now).expect("made");
        let again = device.open(&names("a.local"), now).expect("kept");
        assert_eq!(first.info, again.info);
        assert!(
            first.info.names.contains(&"127.0.0.1".to_owned()),
            "{:?}",
            first.info.names
        );

        let renamed = device.open(&names("b.local"), now).expect("renewed");
        assert_ne!(first.info.fingerprint, renamed.info.fingerprint);
        let late = device
            .open(&names("b.local"), at("2029-01-20T00:00:00Z"))
            .expect("renewed");
        assert_ne!(renamed.info.fingerprint, late.info.fingerprint);
        assert_eq!(
            first.info.authority_fingerprint,
            late.info.authority_fingerprint
        );
    }

    #[test]
    fn a_board_without_a_clock_serves_and_renews_once_it_knows_the_time() {
        let dir = tempfile::tempdir().expect("directory");
        let device = told(dir.path());
        let provisional = device
            .open(&names("a.local"), at("1970-01-01T00:00:10Z"))
            .expect("made");
        assert!(provisional.info.not_before <= at("2020-01-01T00:00:00Z"));
        let kept = device
            .open(&names("a.local"), at("1970-01-01T00:01:00Z"))
            .expect("kept");
        assert_eq!(provisional.info, kept.info);
        let real = device
            .open(&names("a.local"), at("2027-05-05T00:00:00Z"))
            .expect("renewed");
        assert_eq!(real.info.not_before, at("2027-05-04T00:00:00Z"));
    }

    #[test]
    fn a_plausible_time_that_nobody_said_is_not_known() {
        let dir = tempfile::tempdir().expect("directory");
        let mut device = Device::at(dir.path());
        device.is_told = false;
        let open = |device: &Device, now: &str| {
            let pair = device.open(&names("a.local"), at(now)).expect("a pair");
            pair.info
        };
        // The day on which the image was made, whatever day it is.
        let first = open(&device, "2026-11-24T00:00:00Z");
        assert!(first.not_after > at("2049-01-01T00:00:00Z"), "{first:?}");
        assert_eq!(open(&device, "2026-12-24T00:00:00Z"), first);

        device.is_told = true;
        let told = open(&device, "2030-05-05T00:00:00Z");
        assert_eq!(told.not_before, at("2030-05-04T00:00:00Z"));
        // The same board without a network, started where it was switched off.
        device.is_told = false;
        assert_eq!(open(&device, "2030-05-06T00:00:00Z"), told);
        let late = open(&device, "2032-07-05T00:00:00Z");
        assert!(late.not_after > at("2049-01-01T00:00:00Z"), "{late:?}");
    }

    #[test]
    fn a_damaged_leaf_is_replaced() {
        let dir = tempfile::tempdir().expect("directory");
        let device = told(dir.path());
        let now = at("2026-11-24T00:00:00Z");
        let first = device.open(&names("a.local"), now).expect("made");
        fs::write(device.path(LEAF), b"torn").expect("written");
        let second = device.open(&names("a.local"), now).expect("made again");
        assert_ne!(first.info.fingerprint, second.info.fingerprint);
        assert_eq!(
            first.info.authority_fingerprint,
            second.info.authority_fingerprint
        );
    }

    /// An authority as devices have it that were set up before there were limits.
    fn unlimited(device: &Device) {
        let key = KeyPair::generate().expect("a key");
        let mut parameters = authority_parameters(&Names::default()).expect("parameters");
        parameters.name_constraints = None;
        let certificate = parameters.self_signed(&key).expect("signed");
        fs::create_dir_all(&device.dir).expect("made");
        device
            .write(AUTHORITY_KEY, &key.serialize_pem())
            .expect("written");
        device
            .write(AUTHORITY, &certificate.pem())
            .expect("written");
    }

    #[test]
    fn a_new_authority_vouches_for_networks_like_its_own_only() {
        let dir = tempfile::tempdir().expect("directory");
        let device = told(dir.path());
        let now = at("2026-11-24T00:00:00Z");
        let mut names = names("gw.local");
        names.own = ["gw".to_owned(), "203.0.113.7".to_owned()].into();
        names.all.extend(names.own.clone());
        let strangers = ["2001:db8::1", "198.51.100.1", "bank.example"].map(str::to_owned);
        names.all.extend(strangers.clone());
        names
            .all
            .extend(["192.168.10.2", "fd00::1"].map(str::to_owned));
        let pair = device.open(&names, now).expect("made");
        assert_eq!(pair.info.authority_limited, Some(true));
        assert_eq!(
            pair.info.left_out,
            ["198.51.100.1", "2001:db8::1", "bank.example"]
        );
        let expected: BTreeSet<String> = names
            .all
            .iter()
            .filter(|name| !strangers.contains(name))
            .cloned()
            .collect();
        assert_eq!(
            pair.info.names.iter().cloned().collect::<BTreeSet<_>>(),
            expected
        );
        // What is left out does not make it due again and again.
        let again = device.open(&names, now).expect("kept");
        assert_eq!(pair.info, again.info);
    }

    #[test]
    fn an_authority_stays_until_it_is_asked_to_go() {
        let dir = tempfile::tempdir().expect("directory");
        let device = told(dir.path());
        let (names, now) = (names("bank.example"), at("2026-11-24T00:00:00Z"));
        unlimited(&device);
        let kept = device.open(&names, now).expect("made");
        assert_eq!(kept.info.authority_limited, Some(false));
        assert!(kept.info.left_out.is_empty(), "{:?}", kept.info.left_out);
        device.forget_authority().expect("forgotten");
        let renewed = device.renew(&names, now).expect("made");
        assert_eq!(renewed.info.authority_limited, Some(true));
        assert_eq!(renewed.info.left_out, ["bank.example"]);
        assert_ne!(
            kept.info.authority_fingerprint,
            renewed.info.authority_fingerprint
        );
    }

    #[test]
    fn the_root_is_not_sent_also_where_a_file_still_has_it() {
        let dir = tempfile::tempdir().expect("directory");
        let device = told(dir.path());
        let (names, now) = (names("a.local"), at("2026-11-24T00:00:00Z"));
        let made = device.open(&names, now).expect("made");
        let read = |name: &str| fs::read_to_string(device.path(name)).expect("read");
        let both = format!("{}{}", read(LEAF), read(AUTHORITY));
        device.write(LEAF, &both).expect("written");
        let loaded = device.open(&names, now).expect("kept");
        assert_eq!((made.chain.len(), loaded.chain.len()), (1, 1));
        assert_eq!(made.info, loaded.info);
    }
}
