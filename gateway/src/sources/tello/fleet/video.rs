//! The video of the fleet's drones, as handlers ask for it.

use readings::clock::Mono;

use super::super::video::{Still, VideoView, Viewer};
use super::Fleet;
use crate::sources::vehicles::UnknownDrone;

impl Fleet {
    /// The video of a drone as it is now.
    ///
    /// # Errors
    /// [`UnknownDrone`].
    pub fn video(&self, id: &str) -> Result<VideoView, UnknownDrone> {
        self.numbered(id)
            .map(|(_, slot)| slot.video.view(Mono::now()))
    }

    /// Notes that an operator wishes for the stream of a drone, or no longer; what
    /// was begun for a photo is ended unless one does.
    pub fn keep_stream(&self, id: &str, keep: bool) {
        if let Some(slot) = self.slot(id) {
            slot.video.keep(keep);
        }
    }

    /// Whether an operator wishes for the stream of a drone.
    #[must_use]
    pub fn keeps_stream(&self, id: &str) -> bool {
        self.slot(id).is_some_and(|slot| slot.video.is_kept())
    }

    /// A viewer of a drone's video, whether or not it streams.
    ///
    /// # Errors
    /// [`UnknownDrone`].
    pub fn watch(&self, id: &str) -> Result<Viewer, UnknownDrone> {
        self.numbered(id).map(|(_, slot)| slot.video.watch())
    }

    /// The first whole picture of a drone that arrived at `since` or later; waits
    /// for it as long as it takes.
    ///
    /// # Errors
    /// [`UnknownDrone`].
    pub async fn still(&self, id: &str, since: Mono) -> Result<Still, UnknownDrone> {
        let (_, slot) = self.numbered(id)?;
        Ok(slot.video.still_since(since).await)
    }

    /// The newest whole picture of a drone with a number above `number`; waits for
    /// as long as there is none.
    ///
    /// # Errors
    /// [`UnknownDrone`].
    pub async fn still_after(&self, id: &str, number: u64) -> Result<Still, UnknownDrone> {
        let (_, slot) = self.numbered(id)?;
        Ok(slot.video.still_after(number).await)
    }
}
