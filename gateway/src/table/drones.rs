//! Drones: flight, camera, network.

use super::{READ, RESPOND, SUCCESS, WRITE, get, later};
use crate::http::route::{Gives, Route, Verb, list_of, of};
use crate::routes::camera;
use crate::routes::down_all;
use crate::routes::drone_call;
use crate::routes::drone_command;
use crate::routes::drone_command::CommandResult;
use crate::routes::drone_views::{Drone, DroneStatus, TypeInfo};
use crate::routes::drones;
use crate::routes::flight;
use crate::routes::frame;
use crate::routes::network;
use crate::routes::network_views;
use crate::routes::photos;

pub(super) const ROUTES: &[Route] = &[
    // Drones.
    get(
        "/api/drones",
        READ,
        drones::list,
        Gives::Json(list_of::<Drone>),
    )
    .about("drones", "Every drone"),
    get(
        "/api/drones/status",
        READ,
        drones::statuses,
        Gives::Json(list_of::<DroneStatus>),
    )
    .about("drones", "Status of every drone"),
    later(
        Verb::Post,
        "/api/drones/scan",
        WRITE,
        network::scan,
        Gives::Json(of::<network::ScanResult>),
    )
    .about(
        "drones",
        "Which drones are there: simulated ones, and real ones by a search",
    ),
    later(
        Verb::Post,
        "/api/drones/land-all",
        RESPOND,
        down_all::land,
        Gives::Json(of::<down_all::DownAll>),
    )
    .about("drones", "Land every drone; a result for each"),
    later(
        Verb::Post,
        "/api/drones/stop-all",
        RESPOND,
        down_all::stop,
        Gives::Json(of::<down_all::DownAll>),
    )
    .about("drones", "Stop every drone where it is; a result for each"),
    later(
        Verb::Post,
        "/api/drones/emergency-all",
        RESPOND,
        down_all::emergency,
        Gives::Json(of::<down_all::DownAll>),
    )
    .about(
        "drones",
        "Stop the motors of every drone at once; a result for each",
    ),
    later(
        Verb::Get,
        "/api/drones/detect",
        READ,
        network::detect,
        Gives::Json(list_of::<network_views::DetectedDrone>),
    )
    .about("network", "Search the configured ranges for real drones")
    .takes(network::DETECT),
    later(
        Verb::Post,
        "/api/drones/verify-connection",
        WRITE,
        network::verify,
        Gives::Json(of::<network_views::ConnectionCheck>),
    )
    .about("network", "Ask one address whether a drone is there")
    .takes(network::VERIFY),
    get(
        "/api/drones/{drone_id}",
        READ,
        drones::one,
        Gives::Json(of::<Drone>),
    )
    .about("drones", "One drone")
    .takes(drone_call::ONE),
    get(
        "/api/drones/{drone_id}/status",
        READ,
        drones::status,
        Gives::Json(of::<DroneStatus>),
    )
    .about("drones", "Status of one drone")
    .takes(drone_call::ONE),
    get(
        "/api/drones/{drone_id}/type-info",
        READ,
        drones::type_info,
        Gives::Json(of::<TypeInfo>),
    )
    .about("drones", "What is behind a drone: real or simulated")
    .takes(drone_call::ONE),
    later(
        Verb::Post,
        "/api/drones/{drone_id}/connect",
        WRITE,
        drones::connect,
        SUCCESS,
    )
    .about(
        "drones",
        "Connect a drone; in mode auto a simulator stands in for one that is not there",
    )
    .takes(drone_call::ONE)
    .may_conflict(),
    later(
        Verb::Post,
        "/api/drones/{drone_id}/disconnect",
        WRITE,
        drones::disconnect,
        SUCCESS,
    )
    .about("drones", "Expect nothing of a drone any more")
    .takes(drone_call::ONE),
    later(
        Verb::Post,
        "/api/drones/{drone_id}/takeoff",
        WRITE,
        flight::takeoff,
        SUCCESS,
    )
    .about("drones", "Take off and hover")
    .takes(flight::MANOEUVRE),
    later(
        Verb::Post,
        "/api/drones/{drone_id}/land",
        RESPOND,
        flight::land,
        SUCCESS,
    )
    .about("drones", "Land; overtakes what waits")
    .takes(flight::MANOEUVRE),
    later(
        Verb::Post,
        "/api/drones/{drone_id}/stop",
        RESPOND,
        flight::stop,
        SUCCESS,
    )
    .about("drones", "Stop and hover; overtakes what waits")
    .takes(flight::MANOEUVRE),
    later(
        Verb::Post,
        "/api/drones/{drone_id}/emergency",
        RESPOND,
        flight::emergency,
        SUCCESS,
    )
    .about("drones", "Stop the motors at once, wherever the drone is")
    .takes(flight::MANOEUVRE),
    later(
        Verb::Post,
        "/api/drones/{drone_id}/move",
        WRITE,
        flight::straight,
        SUCCESS,
    )
    .about("drones", "Fly straight")
    .takes(flight::MOVE),
    later(
        Verb::Post,
        "/api/drones/{drone_id}/rotate",
        WRITE,
        flight::rotate,
        SUCCESS,
    )
    .about("drones", "Turn")
    .takes(flight::ROTATE),
    later(
        Verb::Post,
        "/api/drones/{drone_id}/camera/stream/start",
        WRITE,
        camera::stream_on,
        SUCCESS,
    )
    .about("drones", "Have the drone send video")
    .takes(drone_call::ONE)
    .also(&["400"]),
    later(
        Verb::Post,
        "/api/drones/{drone_id}/camera/stream/stop",
        WRITE,
        camera::stream_off,
        SUCCESS,
    )
    .about("drones", "Have the drone send no more video")
    .takes(drone_call::ONE)
    .also(&["400"]),
    later(
        Verb::Post,
        "/api/drones/{drone_id}/camera/photo",
        WRITE,
        photos::photo,
        Gives::Json(of::<photos::PhotoView>),
    )
    .about(
        "drones",
        "Take a photo; without a running stream one is begun for it",
    )
    .takes(drone_call::ONE)
    .also(&["400"]),
    get(
        "/api/drones/{drone_id}/camera",
        READ,
        camera::status,
        Gives::Json(of::<camera::CameraStatus>),
    )
    .about("drones", "What the camera of a drone sends now")
    .takes(drone_call::ONE),
    later(
        Verb::Get,
        "/api/drones/{drone_id}/camera/frame",
        READ,
        frame::newest,
        Gives::Media(&["video/h264", "image/jpeg"]),
    )
    .about(
        "drones",
        "The newest whole picture: video/h264, or image/jpeg if asked for; 204 when none is newer",
    )
    .takes(frame::FRAME)
    .may_conflict()
    .also(&["204"]),
    get(
        "/api/photos",
        READ,
        photos::list,
        Gives::Json(of::<photos::PhotoList>),
    )
    .about("photos", "Every photo kept"),
    later(
        Verb::Get,
        "/photos/{filename}",
        READ,
        photos::file,
        Gives::Media(&["image/jpeg", "video/h264"]),
    )
    .about(
        "photos",
        "A photo: image/jpeg, or video/h264 for a still that was not decoded",
    )
    .takes(photos::FILE),
    later(
        Verb::Post,
        "/api/drones/{drone_id}/command",
        WRITE,
        drone_command::command,
        Gives::Json(of::<CommandResult>),
    )
    .about("drones", "A command by name, in metres or in centimetres")
    .takes(drone_command::COMMAND),
];
