//! Credentials of players: each opens the video of one drone, and nothing else.
//!
//! A player knows a user and a password and keeps them in its own settings, or in an
//! address that ends in its logs. A key there would open everything that it may; one of
//! these opens one camera, and can be taken away without touching any other. Only digests
//! are kept, in a file of their own; a full table refuses.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::state_file::StateFile;
use readings::clock::wall_now;

/// Most credentials: a wall of screens has a dozen.
const MAX_PLAYERS: usize = 64;

/// Random bytes of a secret: as many as a key has.
const SECRET_BYTES: usize = 32;

/// Random bytes of an id: it is the user's name and hides nothing.
const ID_BYTES: usize = 5;

/// Name of the file.
const FILE: &str = "players.json";

/// Why there is no credential, or it is not durably gone.
#[derive(Debug, Error)]
pub(crate) enum PlayersError {
    /// The table is full.
    #[error("refused: there are {MAX_PLAYERS} credentials of players; remove one first")]
    Full,
    /// The operating system gives no randomness.
    #[error("no randomness: {0}")]
    Random(#[from] getrandom::Error),
    /// A restart may forget or revive it.
    #[error("the change is not saved: {0}; free space or replace the medium, then try again")]
    NotSaved(#[from] std::io::Error),
}

/// A credential as it is shown and kept.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Player {
    /// The user's name.
    pub(crate) id: Arc<str>,
    /// What people call the player.
    pub(crate) name: Arc<str>,
    /// Whose video it opens.
    pub(crate) drone_id: Arc<str>,
    /// Name of the key that made it.
    pub(crate) by: Arc<str>,
    /// When it was made, microseconds since 1970.
    pub(crate) since_us: i64,
    /// SHA-256 of the secret, in hexadecimal digits. (The secret is random and long:
    /// nobody tries them all.)
    digest: String,
}

/// What a player with a good credential may see, until the credential is removed.
#[derive(Clone, Debug)]
pub(crate) struct Pass {
    /// Whose video.
    pub(crate) drone_id: Arc<str>,
    /// Cancelled when it is removed.
    pub(crate) ended: CancellationToken,
}

/// Every credential.
#[derive(Default)]
pub(crate) struct Players {
    known: Mutex<Vec<(Player, CancellationToken)>>,
    file: Option<StateFile>,
    /// Held while the file is written, so that an older list never overwrites a newer.
    writing: tokio::sync::Mutex<()>,
}

impl Players {
    /// Those of the last run, from the state directory `dir`.
    #[must_use]
    pub(crate) fn open(dir: &Path) -> Players {
        let file = StateFile::at(dir, FILE);
        let known = file.read::<Player>().into_iter().take(MAX_PLAYERS);
        Players {
            known: Mutex::new(known.map(|one| (one, CancellationToken::new())).collect()),
            file: Some(file),
            ..Players::default()
        }
    }

    /// Every credential, oldest first.
    #[must_use]
    pub(crate) fn list(&self) -> Vec<Player> {
        self.known()
            .iter()
            .map(|(player, _)| player.clone())
            .collect()
    }

    /// A new credential and its secret, which is shown this once.
    ///
    /// # Errors
    /// [`PlayersError`].
    pub(crate) async fn add(
        &self,
        name: &str,
        drone_id: &str,
        by: &str,
    ) -> Result<(Player, String), PlayersError> {
        let (mut id, mut secret) = ([0; ID_BYTES], [0; SECRET_BYTES]);
        getrandom::fill(&mut id)?;
        getrandom::fill(&mut secret)?;
        let secret = HEXLOWER.encode(&secret);
        let player = Player {
            id: format!("player-{}", HEXLOWER.encode(&id)).into(),
            name: name.into(),
            drone_id: drone_id.into(),
            by: by.into(),
            since_us: wall_now().as_microsecond(),
            digest: digest(secret.as_bytes()),
        };
        let _writing = self.writing.lock().await;
        {
            let mut known = self.known();
            if known.len() >= MAX_PLAYERS {
                return Err(PlayersError::Full);
            }
            known.push((player.clone(), CancellationToken::new()));
        }
        if let Err(error) = self.save().await {
            // Nobody has the secret yet: it is as if it had not been.
            self.known().retain(|(other, _)| other.id != player.id);
            return Err(error.into());
        }
        Ok((player, secret))
    }

    /// Removes a credential: whoever plays by it stops at once. None when there is none.
    ///
    /// # Errors
    /// It is gone, but not from the medium.
    pub(crate) async fn remove(&self, id: &str) -> Result<Option<Player>, PlayersError> {
        let _writing = self.writing.lock().await;
        let removed = {
            let mut known = self.known();
            let place = known.iter().position(|(player, _)| *player.id == *id);
            place.map(|place| known.remove(place))
        };
        let Some((player, ended)) = removed else {
            return Ok(None);
        };
        ended.cancel();
        self.save().await?;
        Ok(Some(player))
    }

    /// What the holder of this user and password may see; none when they are not both right.
    #[must_use]
    pub(crate) fn admit(&self, user: &[u8], password: &[u8]) -> Option<Pass> {
        let shown = digest(password);
        let known = self.known();
        let (player, ended) = known
            .iter()
            .find(|(player, _)| player.id.as_bytes() == user)?;
        bool::from(player.digest.as_bytes().ct_eq(shown.as_bytes())).then(|| Pass {
            drone_id: player.drone_id.clone(),
            ended: ended.clone(),
        })
    }

    async fn save(&self) -> std::io::Result<()> {
        match &self.file {
            Some(file) => file.write(&self.list()).await,
            None => Ok(()),
        }
    }

    fn known(&self) -> MutexGuard<'_, Vec<(Player, CancellationToken)>> {
        // The list is whole between any two statements.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn digest(secret: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(secret))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_credential_opens_one_drone_until_it_is_removed_also_after_a_restart() {
        let dir = tempfile::tempdir().expect("a directory");
        let players = Players::open(dir.path());
        let (player, secret) = players
            .add("wall", "drone_001", "admin")
            .await
            .expect("made");
        let again = Players::open(dir.path());
        let pass = again
            .admit(player.id.as_bytes(), secret.as_bytes())
            .expect("good");
        assert_eq!(&*pass.drone_id, "drone_001");
        assert!(again.admit(player.id.as_bytes(), b"guess").is_none());
        assert!(again.admit(b"player-x", secret.as_bytes()).is_none());
        let file = std::fs::read_to_string(dir.path().join(FILE)).expect("written");
        assert!(!file.contains(&secret), "only its digest is kept");
        again
            .remove(&player.id)
            .await
            .expect("removed")
            .expect("there");
        assert!(pass.ended.is_cancelled());
        assert!(
            again
                .admit(player.id.as_bytes(), secret.as_bytes())
                .is_none()
        );
        assert!(Players::open(dir.path()).list().is_empty());
        assert!(
            again
                .remove(&player.id)
                .await
                .expect("nothing to do")
                .is_none()
        );
    }

    #[tokio::test]
    async fn a_full_table_refuses() {
        let players = Players::default();
        for number in 0..MAX_PLAYERS {
            players
                .add(&number.to_string(), "d", "admin")
                .await
                .expect("room");
        }
        let refused = players.add("one more", "d", "admin").await;
        assert!(matches!(refused, Err(PlayersError::Full)));
    }
}
