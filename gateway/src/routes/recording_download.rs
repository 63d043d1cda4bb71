//! A recording as a file: as it was recorded, as JSON Lines, as CSV, its pictures as MP4.
//!
//! Made piece by piece by a thread that waits for its client; how many such threads there
//! are is bounded. A key that is revoked meanwhile ends the file.

use std::io::{self, Write};

use axum::body::Body;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use futures_util::stream;
use http::{HeaderValue, header};
use tokio::sync::mpsc;

use super::recordings::{READ_ALWAYS, being_recorded, found, tell};
use crate::http::call::Call;
use crate::http::envelope::{ApiError, Outcome};
use crate::http::params::{Kind, Location, Param};
use crate::http::respond;
use crate::http::revocation;
use crate::http::route::{Gives, Route, Verb};
use crate::http::rows::later;
use crate::recordings::{Format, export};
use crate::routes::flight;

/// The routes of this file.
pub(crate) const ROUTES: &[Route] = &[later(
    Verb::Get,
    "/api/recordings/{recording_id}/download",
    READ_ALWAYS,
    download,
    Gives::Media(&[
        "application/vnd.mfg-drone.recording",
        "application/jsonl",
        "text/csv",
        "video/mp4",
    ]),
)
.about("recordings", "Download a recording")
.takes(DOWNLOAD)
.may_conflict()];

const FORMAT: Param = Param::optional(
    Location::Query,
    "format",
    Kind::Choice(Format::NAMES),
    "`record` (when absent): the file with its signatures, for `recordings verify` and `replay`; `jsonl`: a JSON \
     object a record, each datagram as it came; `csv`: a line a state; `mp4`: the pictures, if \
     any were recorded (404 if not)",
);
/// Parameters of `GET /api/recordings/{recording_id}/download`.
pub(crate) const DOWNLOAD: &[Param] = &[super::recordings::ID, FORMAT];

/// Bytes handed over at a time.
const PIECE_BYTES: usize = 16 * 1024;

/// Pieces that wait for the client.
const PIECES_WAITING: usize = 2;

/// `GET /api/recordings/{recording_id}/download`
pub(crate) fn download(mut call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let name = flight::choice(&mut call, &FORMAT)?;
        call.inputs.finish()?;
        let format = Format::named(&name).unwrap_or(Format::Record);
        let (library, entry) = found(&call)?;
        if entry.is_open {
            return Err(being_recorded());
        }
        let pictures = entry
            .closing
            .as_ref()
            .map(|closing| closing.counts.pictures);
        if format == Format::Mp4 && pictures == Some(0) {
            return Err(ApiError::not_found(
                "No pictures were recorded; recording.video sets whether they are",
            ));
        }
        let id = entry.id().to_owned();
        let turn = call.app.edge.downloads.clone().try_acquire_owned();
        let turn = turn.map_err(|_| {
            ApiError::unavailable("Other recordings are being downloaded; try again")
                .header(header::RETRY_AFTER, HeaderValue::from_static("5"))
        })?;
        let opened = tokio::task::spawn_blocking(move || library.file(&id)).await;
        let file = opened
            .map_err(|_| ApiError::internal())?
            .map_err(|error| ApiError::unavailable(format!("It cannot be read: {error}")))?
            .ok_or_else(super::recordings::unknown)?;
        let (end, media_type) = format.file();
        tell(&call, "recording_taken", format!("{} as {end}", entry.id()));
        let (pieces, waiting) = mpsc::channel(PIECES_WAITING);
        tokio::task::spawn_blocking(move || {
            let mut output = io::BufWriter::with_capacity(PIECE_BYTES, Pieces(pieces));
            // A client that goes away is no failure, and a damaged file says so itself.
            let made = export(format, file, &mut output).and_then(|()| Ok(output.flush()?));
            if let Err(error) = made {
                tracing::debug!(%error, "a recording was not downloaded to its end");
            }
            drop(turn);
        });
        let body = stream::unfold(waiting, |mut waiting| async move {
            let piece = waiting.recv().await?;
            Some((Ok::<_, io::Error>(piece), waiting))
        });
        let mut answer = respond::typed(HeaderValue::from_static(media_type), Bytes::new());
        *answer.body_mut() = Body::from_stream(body);
        let name = format!("attachment; filename=\"{}.{end}\"", entry.id());
        let name = HeaderValue::try_from(name).map_err(|_| ApiError::internal())?;
        answer
            .headers_mut()
            .insert(header::CONTENT_DISPOSITION, name);
        Ok(match call.session {
            Some(session) => revocation::sent_within(session, answer),
            None => answer,
        })
    })
}

/// Hands pieces to the answer, and waits while its client is slow.
struct Pieces(mpsc::Sender<Bytes>);

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // (`io::copy` hands over as much as it likes.)
        let bytes = &bytes[..bytes.len().min(PIECE_BYTES)];
        let sent = self.0.blocking_send(Bytes::copy_from_slice(bytes));
        sent.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
