//! Credentials of players: made, listed, removed. Permission `admin`.

use futures_util::future::BoxFuture;
use http::StatusCode;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::call::Call;
use crate::http::envelope::{ApiError, Outcome};
use crate::http::params::{Kind, Location, Param};
use crate::http::respond::{self, SuccessResponse};
use crate::http::route::{Gives, Route, Verb};
use crate::http::rows::{ADMIN, SUCCESS, get, later};
use crate::http::scalars::Ts;
use crate::http::shape::of;
use crate::players::{Player, PlayersError};
use access::NAME_CHARS;

/// The routes of this file.
pub(crate) const ROUTES: &[Route] = &[
    get("/api/players", ADMIN, list, Gives::Json(of::<PlayerList>()))
        .about("drones", "List the credentials of players"),
    later(
        Verb::Post,
        "/api/players",
        ADMIN,
        add,
        Gives::Json(of::<NewPlayer>()),
    )
    .about(
        "drones",
        "Make a user and a password for a player, which open one drone's video and nothing else",
    )
    .takes(NEW)
    .also(&["404", "409"]),
    later(
        Verb::Delete,
        "/api/players/{player_id}",
        ADMIN,
        remove,
        SUCCESS,
    )
    .about("drones", "Remove a player's credential; it stops at once")
    .takes(ONE)
    .also(&["404"]),
];

const NAME: Param = Param::required(
    Location::Body,
    "name",
    Kind::Chars {
        min: 1,
        max: NAME_CHARS,
    },
    "What people call the player, for example where it hangs",
);
const DRONE: Param = Param::required(Location::Body, "drone_id", Kind::Id, "Whose video it opens");
const ID: Param = Param::required(
    Location::Path,
    "player_id",
    Kind::Id,
    "Id of the credential",
);

/// Parameters of `POST /api/players`.
pub(crate) const NEW: &[Param] = &[NAME, DRONE];
/// Parameters of `DELETE /api/players/{player_id}`.
pub(crate) const ONE: &[Param] = &[ID];

/// A credential of a player.
#[derive(Serialize, ToSchema)]
#[schema(as = Player)]
pub(crate) struct PlayerView {
    /// The user's name.
    id: String,
    /// What people call the player.
    name: String,
    /// Whose video it opens.
    drone_id: String,
    /// Name of the key that made it.
    created_by: String,
    /// When it was made.
    created_at: Ts,
}

impl From<&Player> for PlayerView {
    fn from(player: &Player) -> PlayerView {
        PlayerView {
            id: player.id.to_string(),
            name: player.name.to_string(),
            drone_id: player.drone_id.to_string(),
            created_by: player.by.to_string(),
            created_at: Ts(Timestamp::from_microsecond(player.since_us).unwrap_or_default()),
        }
    }
}

/// Every credential of a player.
#[derive(Serialize, ToSchema)]
pub(crate) struct PlayerList {
    /// Oldest first.
    players: Vec<PlayerView>,
    /// How many there are.
    total_count: usize,
}

/// A new credential.
#[derive(Serialize, ToSchema)]
pub(crate) struct NewPlayer {
    /// The credential; its id is the user.
    player: PlayerView,
    /// The password; shown this once.
    secret: String,
    /// Paths that it opens, behind `https://USER:PASSWORD@HOST:PORT`.
    paths: Vec<String>,
}

/// `GET /api/players`
pub(crate) fn list(call: &mut Call) -> Outcome {
    call.inputs.finish()?;
    let players: Vec<PlayerView> = call.app.players.list().iter().map(Into::into).collect();
    Ok(respond::json(&PlayerList {
        total_count: players.len(),
        players,
    }))
}

/// `POST /api/players`
pub(crate) fn add(mut call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let (name, drone) = (call.inputs.shown_text(&NAME), call.inputs.text(&DRONE));
        call.inputs.finish()?;
        let (name, drone) = (name.unwrap_or_default(), drone.unwrap_or_default());
        call.app
            .fleet
            .video(&drone)
            .map_err(|_| super::drone_call::no_camera(&drone))?;
        let made = call.app.players.add(&name, &drone, call.actor()).await;
        let (player, secret) = made.map_err(refused)?;
        tell(&call, "player_added", &player);
        let stream = format!("/api/drones/{drone}/camera/stream");
        Ok(respond::json(&NewPlayer {
            player: PlayerView::from(&player),
            secret,
            paths: [".mp4", ".ts", ".mjpeg"]
                .map(|end| format!("{stream}{end}"))
                .into(),
        }))
    })
}

/// `DELETE /api/players/{player_id}`
pub(crate) fn remove(call: Call) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let removed = call
            .app
            .players
            .remove(&call.param)
            .await
            .map_err(refused)?;
        let unknown = || {
            ApiError::new(
                StatusCode::NOT_FOUND,
                "PLAYER_NOT_FOUND",
                "There is no such credential of a player",
            )
        };
        let player = removed.ok_or_else(unknown)?;
        tell(&call, "player_removed", &player);
        Ok(respond::json(&SuccessResponse::new("Credential removed")))
    })
}

fn refused(error: PlayersError) -> ApiError {
    match error {
        PlayersError::Full => ApiError::conflict(error.to_string()),
        PlayersError::Random(_) | PlayersError::NotSaved(_) => {
            ApiError::unavailable(error.to_string())
        }
    }
}

/// Who did what, in the security log and the audit trail.
fn tell(call: &Call, event: &'static str, player: &Player) {
    let subject = format!("{} ({}), drone {}", player.id, player.name, player.drone_id);
    let access = &call.app.access;
    access.record_recording(event, &call.audited(), call.client, subject);
}
