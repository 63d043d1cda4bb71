//! Signed-in browsers over a restart: a small file beside the store (ADR 15). Hashes
//! only: whoever reads it gets in nowhere.

use std::io;
use std::net::IpAddr;
use std::path::Path;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

use crate::state_file::StateFile;
use access::{Browser, KeyId, SessionRecord};

/// Its name in the state directory.
const FILE: &str = "sessions.json";

/// The file.
#[derive(Clone)]
pub(crate) struct SessionFile(StateFile);

/// A session as it stands there.
#[derive(Serialize, Deserialize)]
struct StoredSession {
    hash: String,
    key: String,
    permissions: u8,
    client: IpAddr,
    agent: String,
    opened_us: i64,
    expires_us: i64,
}

impl SessionFile {
    /// That of the state directory `dir`.
    pub(crate) fn at(dir: &Path) -> SessionFile {
        SessionFile(StateFile::at(dir, FILE))
    }

    /// What it holds. What makes no sense lets nobody in.
    pub(crate) fn read(&self) -> Vec<SessionRecord> {
        self.0.read().into_iter().filter_map(record).collect()
    }

    /// Puts `sessions` in place of what it held.
    ///
    /// # Errors
    /// The medium refuses.
    pub(crate) async fn write(&self, sessions: Vec<SessionRecord>) -> io::Result<()> {
        let kept: Vec<StoredSession> = sessions.into_iter().map(kept).collect();
        self.0.write(&kept).await
    }
}

fn kept(record: SessionRecord) -> StoredSession {
    StoredSession {
        hash: HEXLOWER.encode(&record.hash),
        key: HEXLOWER.encode(&record.key.0),
        permissions: record.permissions,
        client: record.browser.client,
        agent: record.browser.agent,
        opened_us: record.opened_us,
        expires_us: record.expires_us,
    }
}

/// None for one that makes no sense.
fn record(kept: StoredSession) -> Option<SessionRecord> {
    Some(SessionRecord {
        hash: bytes(&kept.hash)?,
        key: KeyId(bytes(&kept.key)?),
        permissions: kept.permissions,
        browser: Browser::new(kept.client, &kept.agent),
        opened_us: kept.opened_us,
        expires_us: kept.expires_us,
    })
}

fn bytes(digits: &str) -> Option<[u8; 32]> {
    HEXLOWER.decode(digits.as_bytes()).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::net::Ipv4Addr;

    use super::*;

    /// The file as version 1 writes it: never to be edited.
    const VERSION_1: &str = concat!(
        r#"{"version":1,"entries":[{"hash":""#,
        "0707070707070707070707070707070707070707070707070707070707070707",
        r#"","key":""#,
        "0909090909090909090909090909090909090909090909090909090909090909",
        r#"","permissions":5,"client":"192.0.2.7","agent":"a phone","#,
        r#""opened_us":1,"expires_us":2}]}"#
    );

    fn session() -> SessionRecord {
        SessionRecord {
            hash: [7; 32],
            key: KeyId([9; 32]),
            permissions: 5,
            browser: Browser::new(Ipv4Addr::new(192, 0, 2, 7).into(), "a phone"),
            opened_us: 1,
            expires_us: 2,
        }
    }

    #[tokio::test]
    async fn the_file_is_read_as_it_is_written() {
        let dir = tempfile::tempdir().expect("a directory");
        let (file, path) = (SessionFile::at(dir.path()), dir.path().join(FILE));
        file.write(vec![session()]).await.expect("written");
        assert_eq!(fs::read_to_string(&path).expect("there"), VERSION_1);
        assert_eq!(file.read(), [session()]);
        for (part, other) in [("07", "0x"), ("07", "é"), ("07", "")] {
            fs::write(&path, VERSION_1.replacen(part, other, 1)).expect("written");
            assert!(file.read().is_empty(), "{other}");
        }
    }
}
