//! Mail as a mail server sees it: over TLS from the first byte or from STARTTLS, signed in,
//! whole, once, and never in clear.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use gateway_tests::authority::certificate;
use gateway_tests::client::Stream;
use gateway_tests::eventually;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::webhooks::{edge, notifying};

/// A mail as it was handed over.
#[derive(Clone, Debug, Default)]
struct Mail {
    to: Vec<String>,
    text: String,
    login: String,
    encrypted: bool,
}

impl Mail {
    /// Its body in words.
    fn body(&self) -> String {
        let (_, body) = self.text.split_once("\r\n\r\n").unwrap_or_default();
        let bytes = STANDARD
            .decode(body.replace("\r\n", ""))
            .unwrap_or_default();
        String::from_utf8(bytes).unwrap()
    }

    fn header(&self, name: &str) -> &str {
        let mut lines = self.text.lines();
        let line = lines.find_map(|line| line.strip_prefix(&format!("{name}: ")));
        line.unwrap_or_default()
    }
}

/// How a mail server greets.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    /// TLS from the first byte.
    Tls,
    /// It offers STARTTLS.
    StartTls,
    /// It does not.
    Clear,
}

/// A mail server that keeps what it is given.
struct MailServer {
    address: SocketAddr,
    mails: Arc<Mutex<Vec<Mail>>>,
    /// What it answers to the next mails before it takes them.
    answers: Arc<Mutex<VecDeque<&'static str>>>,
}

impl MailServer {
    async fn start(way: Way, tls: TlsAcceptor) -> MailServer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = MailServer {
            address: listener.local_addr().unwrap(),
            mails: Arc::default(),
            answers: Arc::default(),
        };
        let (mails, answers) = (server.mails.clone(), server.answers.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (mails, answers, tls) = (mails.clone(), answers.clone(), tls.clone());
                tokio::spawn(async move {
                    // (A client that breaks off is no failure of the server.)
                    let _ = serve(stream, way, tls, &mails, &answers).await;
                });
            }
        });
        server
    }

    fn mails(&self) -> Vec<Mail> {
        self.mails.lock().unwrap().clone()
    }

    /// Mails about the alert that the tests raise, when there are some.
    async fn about_edge(&self) -> anyhow::Result<Vec<Mail>> {
        eventually("a mail", || async {
            let mails = self.mails().into_iter();
            let mails: Vec<Mail> = mails.filter(|mail| mail.body().contains("40 %")).collect();
            Ok((!mails.is_empty()).then_some(mails))
        })
        .await
    }
}

async fn serve(
    stream: TcpStream,
    way: Way,
    tls: TlsAcceptor,
    mails: &Mutex<Vec<Mail>>,
    answers: &Mutex<VecDeque<&'static str>>,
) -> anyhow::Result<()> {
    let mut encrypted = way == Way::Tls;
    let mut stream: BufReader<Box<dyn Stream>> = BufReader::new(match way {
        Way::Tls => Box::new(tls.accept(stream).await?),
        // (TLS wants the bare socket: whoever offers it later is asked below.)
        Way::StartTls => {
            let Some(stream) = until_starttls(stream).await? else {
                return Ok(());
            };
            encrypted = true;
            Box::new(tls.accept(stream).await?)
        }
        Way::Clear => Box::new(stream),
    });
    if way != Way::StartTls {
        stream.write_all(b"220 mail.test ESMTP\r\n").await?;
    }
    let mut mail = Mail::default();
    let mut login = String::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let (word, rest) = line
            .trim_end()
            .split_once(' ')
            .unwrap_or((line.trim_end(), ""));
        let answer = match word.to_ascii_uppercase().as_str() {
            "EHLO" => "250-mail.test\r\n250-8BITMIME\r\n250 AUTH PLAIN LOGIN".to_owned(),
            "AUTH" => {
                login = String::from_utf8(STANDARD.decode(rest.trim_start_matches("PLAIN "))?)?;
                "235 known".to_owned()
            }
            "RCPT" if rest.contains("gone@") => "550 no such mailbox".to_owned(),
            "RCPT" => {
                mail.to.push(rest.trim_start_matches("TO:").to_owned());
                "250 ok".to_owned()
            }
            "MAIL" => {
                mail = Mail::default();
                let answer = answers.lock().unwrap().pop_front();
                answer.unwrap_or("250 ok").to_owned()
            }
            "DATA" => {
                stream.write_all(b"354 go on\r\n").await?;
                let mut text = String::new();
                while !text.ends_with("\r\n.\r\n") {
                    anyhow::ensure!(stream.read_line(&mut text).await? > 0, "broken off");
                }
                text.truncate(text.len() - 5);
                (mail.text, mail.login, mail.encrypted) = (text, login.clone(), encrypted);
                mails.lock().unwrap().push(std::mem::take(&mut mail));
                "250 taken".to_owned()
            }
            "QUIT" => {
                stream.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => "500 what".to_owned(),
        };
        stream.write_all(format!("{answer}\r\n").as_bytes()).await?;
    }
}

/// Greets in clear until STARTTLS, and gives the bare socket back; none when the client
/// wanted anything else first.
async fn until_starttls(mut stream: TcpStream) -> anyhow::Result<Option<TcpStream>> {
    stream.write_all(b"220 mail.test ESMTP\r\n").await?;
    loop {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            let mut byte = [0];
            tokio::io::AsyncReadExt::read_exact(&mut stream, &mut byte).await?;
            line.push(byte[0]);
        }
        match &line[..4] {
            b"EHLO" => {
                stream
                    .write_all(b"250-mail.test\r\n250 STARTTLS\r\n")
                    .await?
            }
            b"STAR" => {
                stream.write_all(b"220 go on\r\n").await?;
                return Ok(Some(stream));
            }
            _ => return Ok(None),
        }
    }
}

fn section(name: &str, smtp: &str, more: &str) -> String {
    format!(
        "[[notify.email]]\nname = {name:?}\nsmtp = {smtp:?}\nfrom = \"drones@site.example\"\n\
         to = [\"floor@site.example\"]\n{more}\n"
    )
}

#[tokio::test]
async fn an_alert_becomes_one_whole_mail_by_tls_and_by_starttls() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let ca = folder.path().join("ca.pem");
    let tls = certificate(&ca)?;
    let by_tls = MailServer::start(Way::Tls, tls.clone()).await;
    let by_starttls = MailServer::start(Way::StartTls, tls).await;
    // It is busy at first: that costs a second, and no mail.
    by_tls.answers.lock().unwrap().push_back("451 later");
    let login = format!("username = \"drones\"\npassword = \"s3cret\"\nca = {ca:?}");
    let lines = "[gateway]\nname = \"Roof\"\npublic_url = \"https://roof.example\"\n".to_owned()
        + &section(
            "tls",
            &format!("smtps://localhost:{}", by_tls.address.port()),
            &format!("language = \"ja\"\n{login}"),
        )
        + &section(
            "starttls",
            &format!("smtp://localhost:{}", by_starttls.address.port()),
            &login,
        );
    let gateway = notifying(&lines).start().await?;
    let admin = gateway.admin()?;
    edge(&gateway, &admin).await?;
    let (japanese, english) = (by_tls.about_edge().await?, by_starttls.about_edge().await?);
    for mail in japanese.iter().chain(&english) {
        assert!(mail.encrypted, "{mail:?}");
        assert_eq!(mail.login, "\0drones\0s3cret");
        assert_eq!(mail.to, ["<floor@site.example>"]);
        let body = mail.body();
        for wanted in ["Roof", "d1", "https://roof.example/#/alerts"] {
            assert!(body.contains(wanted), "{wanted} in {body}");
        }
        assert!(!mail.header("Message-ID").is_empty() && !mail.header("Date").is_empty());
    }
    assert!(japanese[0].body().contains("バッテリーを交換"));
    assert!(english[0].body().contains("change the battery"));
    assert!(
        english[0].header("Subject").contains("[Roof] Warning"),
        "{english:?}"
    );
    assert_eq!((japanese.len(), english.len()), (1, 1), "one mail each");
    let tested = gateway.command(&["notify", "test", "tls"]).output().await?;
    assert!(tested.status.success(), "{tested:?}");
    Ok(())
}

#[tokio::test]
async fn nothing_is_said_in_clear_and_one_dead_address_keeps_it_from_nobody() -> anyhow::Result<()>
{
    let folder = tempfile::tempdir()?;
    let ca = folder.path().join("ca.pem");
    let tls = certificate(&ca)?;
    let (clear, server) = (
        MailServer::start(Way::Clear, tls.clone()).await,
        MailServer::start(Way::Tls, tls).await,
    );
    let lines = section(
        "clear",
        &format!("smtp://localhost:{}", clear.address.port()),
        &format!("username = \"drones\"\npassword = \"s3cret\"\nca = {ca:?}"),
    ) + &format!(
        "[[notify.email]]\nname = \"two\"\nsmtp = \"smtps://localhost:{}\"\nfrom = \"a@site.example\"\n\
         to = [\"gone@site.example\", \"floor@site.example\"]\nca = {ca:?}\n",
        server.address.port()
    );
    let gateway = notifying(&lines).start().await?;
    let admin = gateway.admin()?;
    edge(&gateway, &admin).await?;
    let mails = server.about_edge().await?;
    assert_eq!(mails[0].to, ["<floor@site.example>"]);
    // The other channel says why it sends nothing.
    let problem = eventually("the reason", || async {
        let list = admin.get("/api/notify/targets").await?.expect(200).json();
        let targets = list["targets"].as_array().unwrap();
        let clear = targets
            .iter()
            .find(|target| target["name"] == "clear")
            .unwrap();
        Ok(clear["problem"].as_str().map(str::to_owned))
    })
    .await?;
    assert!(problem.contains("STARTTLS"), "{problem}");
    assert!(clear.mails().is_empty());
    // A password leaves the machine by nothing but TLS, and by no listing or diagnosis.
    let bundle = gateway.command(&["diag"]).output().await?;
    let bundle = String::from_utf8_lossy(&bundle.stdout);
    assert!(
        !bundle.contains("s3cret") && !bundle.contains("floor@"),
        "{bundle}"
    );
    Ok(())
}
