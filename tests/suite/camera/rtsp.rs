//! Video by RTSP, as a player speaks it: its own credential and no key, packets from a
//! whole picture on, until the credential is taken away.

use anyhow::Context as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use super::{Client, connected, eventually, simulated, skipped, spare_port, until};
use gateway_tests::gateway;

const FFPROBE: &str = "/usr/bin/ffprobe";

/// A player's connection.
struct Player {
    stream: BufReader<TcpStream>,
    url: String,
    authorization: String,
    sequence: u32,
}

impl Player {
    async fn open(port: u16, user: &str, password: &str) -> anyhow::Result<Player> {
        let stream = eventually("RTSP", || async {
            Ok(TcpStream::connect(("127.0.0.1", port)).await.ok())
        })
        .await?;
        let pair = data_encoding::BASE64.encode(format!("{user}:{password}").as_bytes());
        Ok(Player {
            stream: BufReader::new(stream),
            url: format!("rtsp://127.0.0.1:{port}/cam_1"),
            authorization: format!("Authorization: Basic {pair}\r\n"),
            sequence: 0,
        })
    }

    /// Asks, and gives the answer with its body.
    async fn ask(&mut self, method: &str, more: &str) -> anyhow::Result<String> {
        self.sequence += 1;
        let (url, authorization, sequence) = (&self.url, &self.authorization, self.sequence);
        let request =
            format!("{method} {url} RTSP/1.0\r\nCSeq: {sequence}\r\n{authorization}{more}\r\n");
        self.stream.write_all(request.as_bytes()).await?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.stream.read_u8().await?);
        }
        let mut text = String::from_utf8(head)?;
        let length = text
            .lines()
            .find_map(|line| line.strip_prefix("Content-Length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        self.stream.read_exact(&mut body).await?;
        text.push_str(&String::from_utf8(body)?);
        Ok(text)
    }

    /// The next packet of RTP.
    async fn packet(&mut self) -> anyhow::Result<Vec<u8>> {
        let (sign, channel) = (self.stream.read_u8().await?, self.stream.read_u8().await?);
        anyhow::ensure!((sign, channel) == (b'$', 0), "{sign} {channel}");
        let mut packet = vec![0; usize::from(self.stream.read_u16().await?)];
        self.stream.read_exact(&mut packet).await?;
        Ok(packet)
    }
}

async fn credential(admin: &Client) -> anyhow::Result<(String, String)> {
    let wanted = serde_json::json!({ "name": "Recorder", "drone_id": "cam_1" });
    let made = admin
        .json(http::Method::POST, "/api/players", &wanted)
        .await?;
    let made = made.expect(200).json();
    let text = |value: &serde_json::Value| value.as_str().map(str::to_owned);
    let id = text(&made["player"]["id"]).context("an id")?;
    Ok((id, text(&made["secret"]).context("a secret")?))
}

#[tokio::test]
async fn rtsp_gives_a_players_credential_one_drones_video_and_a_key_nothing() -> anyhow::Result<()>
{
    let port = spare_port();
    let camera = format!("rtsp_listen = \"127.0.0.1:{port}\"");
    let gateway = simulated(&camera).start().await?;
    let client = connected(&gateway).await?;
    let admin = gateway.admin()?;
    let (id, secret) = credential(&admin).await?;
    let mut keyed = Player::open(port, "player", gateway::READONLY_KEY).await?;
    let refused = keyed.ask("DESCRIBE", "").await?;
    assert!(
        refused.starts_with("RTSP/1.0 401 ") && refused.contains("Basic realm"),
        "{refused}"
    );

    let mut player = Player::open(port, &id, &secret).await?;
    let described = player.ask("DESCRIBE", "").await?;
    assert!(described.contains("a=rtpmap:96 H264/90000"), "{described}");
    let udp = "Transport: RTP/AVP;unicast;client_port=5000-5001\r\n";
    assert!(player.ask("SETUP", udp).await?.starts_with("RTSP/1.0 461 "));
    let tcp = "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\n";
    assert!(player.ask("SETUP", tcp).await?.starts_with("RTSP/1.0 200 "));
    assert!(
        player.ask("PLAY", "").await?.starts_with("RTSP/1.0 404 "),
        "no video yet"
    );
    let stream = "/api/drones/cam_1/camera/stream";
    client.post(&format!("{stream}/start")).await?.expect(200);
    until(
        &client,
        "mfg_drone_video_frames_total{drone=\"cam_1\"}",
        10.0,
    )
    .await?;
    assert!(player.ask("PLAY", "").await?.starts_with("RTSP/1.0 200 "));
    // The parameter sets of a whole picture come first, and the numbers are in a row.
    let first = player.packet().await?;
    assert_eq!((first[1] & 0x7f, first[12] & 0x1f), (96, 7), "{first:?}");
    let number = |packet: &[u8]| u16::from_be_bytes([packet[2], packet[3]]);
    let second = player.packet().await?;
    assert_eq!(number(&second), number(&first).wrapping_add(1));
    until(&client, "mfg_drone_video_viewers", 1.0).await?;
    probed(port, &id, &secret).await?;

    admin
        .delete(&format!("/api/players/{id}"))
        .await?
        .expect(200);
    let ended = async { while player.packet().await.is_ok() {} };
    tokio::time::timeout(gateway_tests::PATIENCE, ended).await?;
    let mut again = Player::open(port, &id, &secret).await?;
    assert!(
        again
            .ask("DESCRIBE", "")
            .await?
            .starts_with("RTSP/1.0 401 ")
    );
    Ok(())
}

/// What ffprobe reads of it, where there is one.
async fn probed(port: u16, id: &str, secret: &str) -> anyhow::Result<()> {
    if !std::path::Path::new(FFPROBE).exists() {
        skipped(&format!(
            "what players read needs {FFPROBE} (apt-get install ffmpeg)"
        ));
        return Ok(());
    }
    let probed = tokio::process::Command::new(FFPROBE)
        .args([
            "-v",
            "error",
            "-rtsp_transport",
            "tcp",
            "-of",
            "json",
            "-show_entries",
        ])
        .arg("stream=codec_name,width,height")
        .arg(format!("rtsp://{id}:{secret}@127.0.0.1:{port}/cam_1"))
        .output()
        .await?;
    let read: serde_json::Value = serde_json::from_slice(&probed.stdout)?;
    let stream = &read["streams"][0];
    assert_eq!(
        (&stream["codec_name"], &stream["width"]),
        (&"h264".into(), &960.into()),
        "{probed:?}"
    );
    Ok(())
}
