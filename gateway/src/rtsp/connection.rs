//! One player: its requests, and the packets between the answers.

use std::net::IpAddr;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::Rtsp;
use super::message::{Answer, MAX_HEAD_BYTES, Request, description};
use super::packets::Packets;
use crate::players::Pass;
use crate::shares::{Principal, Share};
use crate::sources::tello::{Shown, Viewer};

/// Time for a player to say what it wants next before it watches.
const ASK_WITHIN: Duration = Duration::from_secs(30);

/// Time for a picture or an answer to be taken: then the player is given up.
pub(super) const TAKE_WITHIN: Duration = Duration::from_secs(10);

/// The one session of a connection.
const SESSION: &str = "1;timeout=60";

/// What it is told that the gateway can do.
const METHODS: &str = "OPTIONS, DESCRIBE, SETUP, PLAY, GET_PARAMETER, TEARDOWN";

/// The connection is over.
struct Gone;

/// A player's connection.
pub(super) struct Connection {
    rtsp: Rtsp,
    stream: TcpStream,
    client: IpAddr,
    /// Bytes that were read and are not a whole request yet.
    unread: Vec<u8>,
    pass: Option<Pass>,
    channel: Option<u8>,
    watching: Option<Watching>,
}

/// What is being watched.
struct Watching {
    viewer: Viewer,
    packets: Packets,
    _share: Share,
}

impl Connection {
    /// One that has just been accepted.
    pub(super) const fn new(rtsp: Rtsp, stream: TcpStream, client: IpAddr) -> Connection {
        Connection {
            rtsp,
            stream,
            client,
            unread: Vec::new(),
            pass: None,
            channel: None,
            watching: None,
        }
    }

    /// Answers and sends until either side ends it.
    pub(super) async fn live(mut self) {
        let stop = self.rtsp.stop.clone();
        tokio::select! {
            () = stop.cancelled() => {}
            _ = self.serve() => {}
        }
    }

    async fn serve(&mut self) -> Result<(), Gone> {
        let mut out = Vec::new();
        loop {
            while let Some(request) = self.whole()? {
                let answer = self.answer(&request)?;
                self.write(&answer.bytes(&request)).await?;
                if request.method == "TEARDOWN" {
                    return Ok(());
                }
            }
            let Some(pass) = self.pass.clone().filter(|_| self.watching.is_some()) else {
                let read = timeout(ASK_WITHIN, self.stream.read_buf(&mut self.unread)).await;
                heard(read.map_err(|_| Gone)?)?;
                continue;
            };
            let Some(watching) = &mut self.watching else {
                continue;
            };
            tokio::select! {
                read = self.stream.read_buf(&mut self.unread) => heard(read)?,
                () = pass.ended.cancelled() => return Err(Gone),
                shown = watching.viewer.next() => match shown {
                    Shown::Format(_) => {}
                    Shown::Stopped => return Ok(()),
                    Shown::Frame(unit) => {
                        let (at, _) = watching.viewer.last();
                        out.clear();
                        watching.packets.picture(&unit, at.as_millis(), &mut out);
                        let written = timeout(TAKE_WITHIN, self.stream.write_all(&out)).await;
                        written.map_err(|_| Gone)?.map_err(|_| Gone)?;
                    }
                },
            }
        }
    }

    /// The next request that is there as a whole. What a player reports of its reception,
    /// between dollars, is passed over.
    fn whole(&mut self) -> Result<Option<Request>, Gone> {
        while self.unread.first() == Some(&b'$') {
            let [_, _, high, low, ..] = self.unread[..] else {
                return Ok(None);
            };
            let end = 4 + usize::from(u16::from_be_bytes([high, low]));
            if self.unread.len() < end {
                return match end > MAX_HEAD_BYTES {
                    true => Err(Gone),
                    false => Ok(None),
                };
            }
            self.unread.drain(..end);
        }
        let end = self
            .unread
            .windows(4)
            .position(|window| window == b"\r\n\r\n");
        let Some(end) = end else {
            return match self.unread.len() > MAX_HEAD_BYTES {
                true => Err(Gone),
                false => Ok(None),
            };
        };
        let head = std::str::from_utf8(&self.unread[..end]).map_err(|_| Gone)?;
        let request = Request::parse(head).ok_or(Gone)?;
        // (A body, as GET_PARAMETER may have, is some bytes that nobody needs.)
        let body = request.header("content-length").map_or(Ok(0), str::parse);
        let whole = end + 4 + body.map_err(|_| Gone)?;
        match (whole > MAX_HEAD_BYTES, self.unread.len() < whole) {
            (true, _) => Err(Gone),
            (false, true) => Ok(None),
            (false, false) => {
                self.unread.drain(..whole);
                Ok(Some(request))
            }
        }
    }

    fn answer(&mut self, request: &Request) -> Result<Answer, Gone> {
        if request.method == "OPTIONS" {
            return Ok(Answer::ok().with("Public", METHODS));
        }
        // The user and the password come with each request, or with the first alone.
        if let Some(refused) = self.refusal(request)? {
            return Ok(refused);
        }
        let drone = match &self.pass {
            Some(pass) => pass.drone_id.clone(),
            None => return Err(Gone),
        };
        if request.drone().is_some_and(|asked| asked != &*drone) {
            return Ok(Answer::of(403, "Forbidden"));
        }
        Ok(match &*request.method {
            "DESCRIBE" => {
                Answer::ok().describing(&format!("{}/", request.url), description(&drone))
            }
            "SETUP" => match request.channels() {
                None => Answer::of(461, "Unsupported Transport"),
                Some((channel, reports)) => {
                    self.channel = Some(channel);
                    let transport = format!("RTP/AVP/TCP;unicast;interleaved={channel}-{reports}");
                    Answer::ok()
                        .with("Transport", transport)
                        .with("Session", SESSION)
                }
            },
            "PLAY" => self.play(&drone)?,
            "GET_PARAMETER" | "TEARDOWN" => Answer::ok().with("Session", SESSION),
            _ => Answer::of(501, "Not Implemented"),
        })
    }

    /// Why the player may not go on; none when it may.
    fn refusal(&mut self, request: &Request) -> Result<Option<Answer>, Gone> {
        let given = request.header("authorization");
        let ask =
            || Answer::of(401, "Unauthorized").with("WWW-Authenticate", "Basic realm=\"player\"");
        let Some(given) = given else {
            return Ok(self.pass.is_none().then(ask));
        };
        let pair = given
            .strip_prefix("Basic ")
            .and_then(|pair| BASE64.decode(pair.trim()).ok());
        let pair = pair.unwrap_or_default();
        let colon = pair
            .iter()
            .position(|byte| *byte == b':')
            .unwrap_or(pair.len());
        let (user, password) = (&pair[..colon], pair.get(colon + 1..).unwrap_or_default());
        if let Some(pass) = self.rtsp.players.admit(user, password) {
            self.pass = Some(pass);
            return Ok(None);
        }
        self.rtsp.stats.wrong.fetch_add(1, Relaxed);
        match (self.rtsp.wrong)(self.client, password) {
            true => Err(Gone),
            false => Ok(Some(ask())),
        }
    }

    fn play(&mut self, drone: &str) -> Result<Answer, Gone> {
        let Some(channel) = self.channel else {
            return Ok(Answer::of(455, "Method Not Valid in This State"));
        };
        if !self.rtsp.fleet.video(drone).is_ok_and(|video| video.asked) {
            return Ok(Answer::of(404, "No Video: Begin It First"));
        }
        let (viewers, most) = &self.rtsp.viewers;
        let principal = Principal::Address(self.client.to_canonical());
        let Some(share) = viewers.take(&principal, *most) else {
            return Ok(Answer::of(453, "Not Enough Bandwidth"));
        };
        let source = getrandom::u32().map_err(|_| Gone)?;
        let viewer = self.rtsp.fleet.watch(drone).map_err(|_| Gone)?;
        self.watching = Some(Watching {
            viewer,
            packets: Packets::new(channel, source),
            _share: share,
        });
        Ok(Answer::ok()
            .with("Session", SESSION)
            .with("Range", "npt=now-"))
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Gone> {
        let written = timeout(TAKE_WITHIN, self.stream.write_all(bytes)).await;
        written.map_err(|_| Gone)?.map_err(|_| Gone)
    }
}

/// What came of a read: the end of a stream is one as well.
fn heard(read: std::io::Result<usize>) -> Result<(), Gone> {
    match read {
        Ok(1..) => Ok(()),
        Ok(0) | Err(_) => Err(Gone),
    }
}
