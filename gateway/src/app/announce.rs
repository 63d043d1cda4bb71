//! What a person at the terminal sees: where the gateway is, how to know it is
//! the right one, and, once, the keys.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use access::FirstKeys;

use crate::demo;
use crate::settings::Origin;

/// Where the first keys are kept for the operator until it is deleted.
const FIRST_KEYS_FILE: &str = "first-keys.txt";

/// What there is to say at the start.
pub(super) struct Announcement<'a> {
    pub(super) origin: Origin,
    pub(super) listen: SocketAddr,
    /// Why it does not listen there, if it does not.
    pub(super) unbound: Option<&'a str>,
    pub(super) http_listen: Option<SocketAddr>,
    pub(super) fingerprint: &'a str,
    pub(super) state_dir: &'a Path,
    pub(super) first_keys: Option<&'a FirstKeys>,
}

fn written(keys: &FirstKeys) -> String {
    format!(
        "Admin key:     {}\nRead-only key: {}\n",
        keys.admin, keys.readonly
    )
}

impl Announcement<'_> {
    /// Prints it, and writes the first keys 0600 beside the store. That nobody reads
    /// what is printed stops no gateway, nor does a file that cannot be written: the keys
    /// are good already, and no later start would show them.
    pub(super) fn make(&self) {
        let text = self.text();
        let mut out = std::io::stdout().lock();
        if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            tracing::warn!("what is to be said at the start could not be printed: {error}");
        }
    }

    fn text(&self) -> String {
        // (Nothing that is true only of a gateway that can be reached, and no key that is
        // shown once to whoever waits for another program.)
        if let Some(why) = self.unbound {
            let mut text = format!("Not listening: {why}\nIt is tried again until it is free.\n");
            if let Some(keys) = self.first_keys {
                text += &match self.keep(keys) {
                    Ok(path) => format!("First start: the keys are in {}\n", path.display()),
                    Err(_) => self.keys(keys),
                };
            }
            return text;
        }
        // A visitor's first line is where to look.
        let mut text = match self.origin {
            Origin::Demo => self.invitation(),
            Origin::DemoOnLan => self.warning(),
            Origin::Installed => String::new(),
        };
        text += &format!(
            "Listening on {}\nCertificate SHA-256 fingerprint: {}\n",
            self.url(),
            self.fingerprint
        );
        text += &format!(
            "Authority to trust: {}\n",
            self.state_dir.join("tls/ca.pem").display()
        );
        if let Some(address) = self.http_listen {
            text += &format!("Plain HTTP on this host: http://{address}\n");
        }
        match (self.origin, self.first_keys) {
            (Origin::Demo, _) => text += &self.demo(),
            (Origin::DemoOnLan, keys) => {
                if let Some(keys) = keys {
                    text += &self.keys(keys);
                }
                text += "\nCtrl-C stops. A code for a phone:\n\n";
            }
            (Origin::Installed, Some(keys)) => text += &self.keys(keys),
            (Origin::Installed, None) => {}
        }
        text
    }

    /// An address that a browser can open: unspecified means every interface.
    fn url(&self) -> String {
        if self.listen.ip().is_unspecified() {
            let host = rustix::system::uname()
                .nodename()
                .to_string_lossy()
                .into_owned();
            return format!("https://{host}:{} (every interface)", self.listen.port());
        }
        format!("https://{}", self.listen)
    }

    fn keys(&self, keys: &FirstKeys) -> String {
        let also = match self.keep(keys) {
            Ok(path) => format!(
                "They are also in {} (delete it once they are in a safe place).",
                path.display()
            ),
            Err(error) => format!(
                "Write them down now: {} cannot be written ({error}).",
                self.state_dir.join(FIRST_KEYS_FILE).display()
            ),
        };
        let text = written(keys);
        format!("\nFirst start. These keys are shown this once:\n\n{text}\n{also}\n")
    }

    /// Writes the keys beside the store; where.
    fn keep(&self, keys: &FirstKeys) -> std::io::Result<PathBuf> {
        let path = self.state_dir.join(FIRST_KEYS_FILE);
        durable::replace(&path, written(keys).as_bytes())?;
        Ok(path)
    }

    /// Where to look, and how to get in.
    fn invitation(&self) -> String {
        let url = format!("https://{}", self.listen);
        format!(
            "Open {url} in a browser, and sign in with the key {}\n\
             It warns of a certificate that it does not know yet: {url}/trust says what that means.\n\
             On the page, \"Make something happen\" empties a battery or silences a drone.\n\n",
            demo::ADMIN_KEY
        )
    }

    /// What it means that others can come in.
    fn warning(&self) -> String {
        format!(
            "SAFETY: everybody on this network can reach this demo at {}, and whoever has a key or the code\n\
             below can fly its drones. They are simulated; nothing real moves. Do this on networks that you\n\
             trust, show the code to those you mean, and end it (Ctrl-C) when they have seen it.\n\
             The published keys do not work here: the keys below were made for this start.\n\n",
            self.url()
        )
    }

    fn demo(&self) -> String {
        let (url, admin, readonly) = (
            format!("https://{}", self.listen),
            demo::ADMIN_KEY,
            demo::READONLY_KEY,
        );
        let mut text = format!(
            "\nAdmin key:     {admin}\nRead-only key: {readonly}\n\n\
             Three simulated drones fly by the real UDP protocol: one is low on battery, one is hot.\n\
             Two take off by themselves now and then; whoever takes control of one has it (--still: none does).\n\
             Everything here is SIMULATED; the keys are public and work on loopback only.\n\nTry:\n"
        );
        for (path, key) in [
            ("/health", None),
            ("/api/dashboard/drones", Some(readonly)),
            ("/api/alerts?unresolved_only=true", Some(readonly)),
            ("/api/performance/summary", Some(readonly)),
            ("/api/security/api-keys", Some(admin)),
        ] {
            text += &match key {
                None => format!("  curl -k '{url}{path}'\n"),
                Some(key) => format!("  curl -k -H 'X-API-Key: {key}' '{url}{path}'\n"),
            };
        }
        text + &format!(
            "  open {url}/docs in a browser: every route, to be tried\n\nCtrl-C stops.\n"
        )
    }
}
