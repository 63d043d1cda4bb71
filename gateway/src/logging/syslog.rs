//! Log lines to the site's syslog server, as RFC 5424 has them.
//!
//! By UDP (RFC 5426) a line is a datagram; by TCP and TLS (RFC 6587, RFC 5425) its length
//! stands before it. A server that is away costs lines, which are counted, and never a
//! request: the worker behind `non_blocking` writes, tries again after a pause, and throws
//! away what comes meanwhile. The files and the journal have everything.

use std::fmt;
use std::io::{self, Write};
use std::net::{TcpStream, ToSocketAddrs, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::Uri;
use readings::clock::{Mono, wall_now};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::registry::LookupSpan;

use super::SECURITY;
use crate::outbound;

/// Ports where none is written.
const SYSLOG_PORT: u16 = 514;
const TLS_PORT: u16 = 6514;

/// Longest line: what every server takes (RFC 5426); the rest is cut off.
const MAX_LINE_BYTES: usize = 2048;

/// Time for a connection, and for a line to be taken.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a server that is away is left alone.
const AGAIN: Duration = Duration::from_secs(10);

/// Facilities: system daemons, and what concerns security.
const DAEMON: u8 = 3;
const AUTHPRIV: u8 = 10;

/// Where lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Address {
    way: Way,
    host: String,
    port: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Udp,
    Tcp,
    Tls,
}

impl Address {
    /// Parses `logging.syslog`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn parse(url: &str) -> Result<Address, String> {
        let uri: Uri = url
            .trim()
            .parse()
            .map_err(|error| format!("{url:?}: {error}"))?;
        let (way, port) = match uri.scheme_str() {
            Some("udp") => (Way::Udp, SYSLOG_PORT),
            Some("tcp") => (Way::Tcp, SYSLOG_PORT),
            Some("tls") => (Way::Tls, TLS_PORT),
            _ => {
                return Err(format!(
                    "{url:?} is no syslog server; write it as udp://log.example, tcp:// or tls://"
                ));
            }
        };
        let host = uri.host().ok_or_else(|| format!("{url:?} names no host"))?;
        Ok(Address {
            way,
            host: host
                .trim_start_matches('[')
                .trim_end_matches(']')
                .to_owned(),
            port: uri.port_u16().unwrap_or(port),
        })
    }
}

/// Sends each line that is written to it; a line is one `write`.
pub(super) struct Sender {
    address: Address,
    line: Option<Line>,
    again: Option<Mono>,
    lost: Arc<AtomicU64>,
}

enum Line {
    Udp(UdpSocket),
    Tcp(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Sender {
    /// Sends to `address`; what is lost is counted in `lost`.
    pub(super) fn new(address: Address, lost: Arc<AtomicU64>) -> Sender {
        Sender {
            address,
            line: None,
            again: None,
            lost,
        }
    }

    fn send(&mut self, text: &[u8]) -> io::Result<()> {
        let text = cut(text.trim_ascii_end());
        if self.line.is_none() {
            self.line = Some(self.address.connect()?);
        }
        let framed = || [format!("{} ", text.len()).as_bytes(), text].concat();
        match &mut self.line {
            Some(Line::Udp(socket)) => socket.send(text).map(drop),
            Some(Line::Tcp(stream)) => stream.write_all(&framed()),
            Some(Line::Tls(stream)) => stream.write_all(&framed()).and_then(|()| stream.flush()),
            None => Ok(()),
        }
    }
}

impl Address {
    fn connect(&self) -> io::Result<Line> {
        let mut addresses = (&*self.host, self.port).to_socket_addrs()?;
        let address = addresses
            .next()
            .ok_or_else(|| io::Error::other("it has no address"))?;
        if self.way == Way::Udp {
            let any = if address.is_ipv4() {
                "0.0.0.0:0"
            } else {
                "[::]:0"
            };
            let socket = UdpSocket::bind(any)?;
            socket.connect(address)?;
            return Ok(Line::Udp(socket));
        }
        let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        if self.way == Way::Tcp {
            return Ok(Line::Tcp(stream));
        }
        let settings = outbound::tls(None).map_err(io::Error::other)?;
        let name = ServerName::try_from(self.host.clone()).map_err(io::Error::other)?;
        let session = ClientConnection::new(Arc::new(settings), name).map_err(io::Error::other)?;
        Ok(Line::Tls(Box::new(StreamOwned::new(session, stream))))
    }
}

impl Write for Sender {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let now = Mono::now();
        if self.again.is_none_or(|again| now >= again) {
            match self.send(line) {
                Ok(()) => {
                    self.again = None;
                    return Ok(line.len());
                }
                // (Not logged: it would come back here.)
                Err(_) => {
                    self.line = None;
                    self.again = Some(now.plus(AGAIN));
                }
            }
        }
        self.lost.fetch_add(1, Ordering::Relaxed);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// At most so many bytes, and no character in part.
fn cut(line: &[u8]) -> &[u8] {
    let is_start = |at: &usize| line.get(*at).is_none_or(|byte| byte & 0xC0 != 0x80);
    let end = (0..=line.len().min(MAX_LINE_BYTES)).rev().find(is_start);
    &line[..end.unwrap_or(0)]
}

/// A line as RFC 5424 has it: the message, then its fields as `name=value`.
pub(super) struct Rfc5424 {
    pub(super) host: String,
}

impl<S, N> FormatEvent<S, N> for Rfc5424
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    N: for<'writer> FormatFields<'writer> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let metadata = event.metadata();
        let priority = priority(metadata.target(), *metadata.level());
        // Microseconds: more is not allowed.
        let now = wall_now().strftime("%Y-%m-%dT%H:%M:%S%.6fZ");
        let process = std::process::id();
        write!(
            writer,
            "<{priority}>1 {now} {} mfg-drone-gateway {process} {} - \u{feff}",
            name(&self.host, 255),
            name(metadata.target(), 32),
        )?;
        let mut words = Words::default();
        event.record(&mut words);
        writeln!(writer, "{}{}", words.message, words.fields)
    }
}

/// Facility times eight and severity.
fn priority(target: &str, level: Level) -> u8 {
    let facility = match target {
        SECURITY => AUTHPRIV,
        _ => DAEMON,
    };
    let severity = match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        Level::DEBUG | Level::TRACE => 7,
    };
    facility * 8 + severity
}

/// A name in the header: printable ASCII without blanks, so long; `-` for none.
fn name(text: &str, most: usize) -> String {
    let kept = text.chars().filter(char::is_ascii_graphic).take(most);
    let kept: String = kept.collect();
    match kept.is_empty() {
        true => "-".to_owned(),
        false => kept,
    }
}

/// The message and the fields of an event, on one line.
#[derive(Default)]
struct Words {
    message: String,
    fields: String,
}

impl Words {
    fn add(&mut self, field: &Field, text: &str) {
        let text = text.replace(char::is_control, " ");
        match field.name() {
            "message" => self.message.push_str(&text),
            name => {
                self.fields.push(' ');
                self.fields.push_str(name);
                self.fields.push('=');
                self.fields.push_str(&text);
            }
        }
    }
}

impl Visit for Words {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, &format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;
    use std::net::TcpListener;
    use tracing_subscriber::layer::SubscriberExt as _;

    #[test]
    fn a_server_is_named_by_its_way() {
        let parsed = Address::parse("udp://log.example").expect("sound");
        assert_eq!((parsed.way, parsed.port), (Way::Udp, SYSLOG_PORT));
        assert_eq!(
            Address::parse("tls://[fd00::1]").expect("sound").host,
            "fd00::1"
        );
        for wrong in ["log.example", "http://log.example", "udp://", "udp"] {
            assert!(Address::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_line_has_its_length_priority_and_fields_and_what_is_lost_is_counted() {
        let server = TcpListener::bind("127.0.0.1:0").expect("bound");
        let at = server.local_addr().expect("address");
        let lost = Arc::new(AtomicU64::new(0));
        let address = Address::parse(&format!("tcp://{at}")).expect("sound");
        let sender = std::sync::Mutex::new(Sender::new(address, lost.clone()));
        let layer = tracing_subscriber::fmt::layer()
            .event_format(Rfc5424 {
                host: "roof 1".to_owned(),
            })
            .with_writer(sender);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            tracing::warn!(target: "security", client = "192.0.2.7", "a key\nis wrong");
        });
        let (mut stream, _) = server.accept().expect("connected");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("read");
        let (length, line) = text.split_once(' ').expect("a length");
        assert_eq!(length.parse(), Ok(line.len()), "{text}");
        // 10 (authpriv) × 8 + 4 (warning).
        assert!(line.starts_with("<84>1 2"), "{line}");
        assert!(line.contains(" roof1 mfg-drone-gateway "), "{line}");
        assert!(
            line.ends_with(" security - \u{feff}a key is wrong client=192.0.2.7"),
            "{line}"
        );
        drop((stream, server));
        let gone = Address::parse(&format!("tcp://{at}")).expect("sound");
        let mut sender = Sender::new(gone, lost.clone());
        for _ in 0..3 {
            sender.write_all(b"x\n").expect("never fails");
        }
        assert_eq!(lost.load(Ordering::Relaxed), 3);
    }
}
