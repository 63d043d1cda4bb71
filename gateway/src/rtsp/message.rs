//! Requests and answers of RTSP 1.0 (RFC 2326), as far as a player of live video needs
//! them. Pure.

use std::fmt::Write as _;

/// Longest head of a request: players send some hundred bytes.
pub(super) const MAX_HEAD_BYTES: usize = 4096;

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) url: String,
    headers: Vec<(String, String)>,
}

impl Request {
    /// Parses a head, without the empty line behind it.
    pub(super) fn parse(head: &str) -> Option<Request> {
        let mut lines = head.split("\r\n");
        // What is said is said again in answers: it must not break a line of those.
        if lines.clone().any(|line| line.contains(char::is_control)) {
            return None;
        }
        let mut first = lines.next()?.split(' ');
        let (method, url, version) = (first.next()?, first.next()?, first.next()?);
        if !version.starts_with("RTSP/1.") || method.is_empty() || first.next().is_some() {
            return None;
        }
        let header = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        };
        Some(Request {
            method: method.to_owned(),
            url: url.to_owned(),
            headers: lines
                .filter(|line| !line.is_empty())
                .map(header)
                .collect::<Option<_>>()?,
        })
    }

    /// The value of a header, by its name in small letters.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| &**value)
    }

    /// The drone in the path: `rtsp://host/drone_001` and what a player puts behind it.
    pub(super) fn drone(&self) -> Option<&str> {
        let (_, rest) = self.url.split_once("://")?;
        let (_, path) = rest.split_once('/')?;
        path.split(['/', '?']).next().filter(|id| !id.is_empty())
    }

    /// The pair of channels that a player wants its packets on, over this connection.
    pub(super) fn channels(&self) -> Option<(u8, u8)> {
        let transport = self.header("transport")?;
        let ways = transport.split(',').map(str::trim);
        let mut tcp = ways.filter(|way| way.starts_with("RTP/AVP/TCP"));
        let wanted = tcp
            .next()?
            .split(';')
            .find_map(|part| part.strip_prefix("interleaved="));
        let Some(wanted) = wanted else {
            return Some((0, 1));
        };
        let (first, second) = wanted.split_once('-').unwrap_or((wanted, wanted));
        Some((first.parse().ok()?, second.parse().ok()?))
    }
}

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    status: (u16, &'static str),
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Answer {
    /// One of that status.
    pub(super) const fn of(code: u16, words: &'static str) -> Answer {
        Answer {
            status: (code, words),
            headers: Vec::new(),
            body: String::new(),
        }
    }

    /// 200.
    pub(super) const fn ok() -> Answer {
        Answer::of(200, "OK")
    }

    /// With one more header.
    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Answer {
        self.headers.push((name, value.into()));
        self
    }

    /// With a description of the session.
    pub(super) fn describing(mut self, base: &str, body: String) -> Answer {
        self.body = body;
        self.with("Content-Type", "application/sdp")
            .with("Content-Base", base)
    }

    /// Its bytes, in answer to `request`.
    pub(super) fn bytes(&self, request: &Request) -> Vec<u8> {
        let (code, words) = self.status;
        let mut text = format!("RTSP/1.0 {code} {words}\r\n");
        let cseq = request.header("cseq").unwrap_or("0");
        // (Writing to a text cannot fail.)
        let _ = write!(
            text,
            "CSeq: {}\r\n",
            cseq.chars().take(20).collect::<String>()
        );
        for (name, value) in &self.headers {
            let _ = write!(text, "{name}: {value}\r\n");
        }
        if !self.body.is_empty() {
            let _ = write!(text, "Content-Length: {}\r\n", self.body.len());
        }
        text.push_str("\r\n");
        text.push_str(&self.body);
        text.into_bytes()
    }
}

/// What is said of a drone's video: H.264 whose parameter sets come with its whole
/// pictures.
pub(super) fn description(drone: &str) -> String {
    format!(
        "v=0\r\no=- 0 0 IN IP4 0.0.0.0\r\ns={drone}\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\na=control:*\r\n\
         m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\n\
         a=recvonly\r\na=control:video\r\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn whatever_is_said_is_a_request_or_none(
            end in "(?s).{0,200}",
            transport in "[RTP/AVCU;,=a-z0-9-]{0,60}",
        ) {
            for head in [
                end.clone(),
                format!("SETUP rtsp://h/d RTSP/1.0\r\nTransport: {transport}\r\n{end}"),
            ] {
                if let Some(request) = Request::parse(&head) {
                    let _ = (request.drone(), request.channels());
                    let answer = String::from_utf8(Answer::ok().bytes(&request)).expect("text");
                    // Nothing that was said makes a header of ours.
                    proptest::prop_assert_eq!(answer.lines().count(), 3);
                }
            }
        }
    }

    #[test]
    fn a_players_requests_are_read() {
        let head = "SETUP rtsp://h:8554/drone_001/video RTSP/1.0\r\nCSeq: 3\r\n\
                    Transport: RTP/AVP/UDP;unicast;client_port=1-2,RTP/AVP/TCP;unicast;interleaved=2-3";
        let request = Request::parse(head).expect("a request");
        assert_eq!(
            (&*request.method, request.drone()),
            ("SETUP", Some("drone_001"))
        );
        assert_eq!(
            (request.header("cseq"), request.channels()),
            (Some("3"), Some((2, 3)))
        );
        let udp = head.replace("RTP/AVP/TCP", "RTP/AVP/UDP");
        assert_eq!(Request::parse(&udp).expect("a request").channels(), None);
        for wrong in [
            "",
            "GET / HTTP/1.1",
            "PLAY x",
            "PLAY x RTSP/1.0 y",
            "PLAY x RTSP/1.0\r\nno header",
        ] {
            assert_eq!(Request::parse(wrong), None, "{wrong}");
        }
        let answer = Answer::ok().with("Session", "1").bytes(&request);
        assert_eq!(answer, b"RTSP/1.0 200 OK\r\nCSeq: 3\r\nSession: 1\r\n\r\n");
    }
}
