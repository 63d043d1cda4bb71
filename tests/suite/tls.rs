//! Certificates: made, replaced, refused.

use std::sync::Arc;

use gateway_tests::client::trusting;
use gateway_tests::gateway::ADMIN_KEY;
use gateway_tests::namespaces::Site;
use gateway_tests::{Client, Gateway, eventually};
use rustls::ProtocolVersion;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;

/// A self-signed pair for `localhost`, as PEM.
fn pair(validity: Option<(i32, i32)>) -> (String, String) {
    let mut parameters = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    if let Some((from, to)) = validity {
        parameters.not_before = rcgen::date_time_ymd(from, 1, 1);
        parameters.not_after = rcgen::date_time_ymd(to, 1, 1);
    }
    let key = rcgen::KeyPair::generate().unwrap();
    (
        parameters.self_signed(&key).unwrap().pem(),
        key.serialize_pem(),
    )
}

#[tokio::test]
async fn both_protocol_versions_and_h2_are_spoken() -> anyhow::Result<()> {
    let gateway = Gateway::builder().start().await?;
    for (version, wanted) in [
        (&rustls::version::TLS12, ProtocolVersion::TLSv1_2),
        (&rustls::version::TLS13, ProtocolVersion::TLSv1_3),
    ] {
        for protocol in ["h2", "http/1.1"] {
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let mut roots = rustls::RootCertStore::empty();
            for certificate in certificates(&gateway.state().join("tls/ca.pem"))? {
                roots.add(certificate)?;
            }
            let mut config = rustls::ClientConfig::builder_with_provider(provider)
                .with_protocol_versions(&[version])?
                .with_root_certificates(roots)
                .with_no_client_auth();
            config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
            let stream = TcpStream::connect(gateway.address()).await?;
            let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
            let tls = connector
                .connect(ServerName::try_from("localhost")?, stream)
                .await?;
            let (_, session) = tls.get_ref();
            assert_eq!(session.protocol_version(), Some(wanted));
            assert_eq!(session.alpn_protocol(), Some(protocol.as_bytes()));
        }
    }
    Ok(())
}

fn certificates(
    path: &std::path::Path,
) -> anyhow::Result<Vec<rustls::pki_types::CertificateDer<'static>>> {
    use rustls::pki_types::pem::PemObject as _;
    Ok(rustls::pki_types::CertificateDer::pem_file_iter(path)?.collect::<Result<_, _>>()?)
}

#[tokio::test]
async fn own_files_are_used_and_reloaded() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    let write = |pair: &(String, String)| -> anyhow::Result<()> {
        std::fs::write(&cert, &pair.0)?;
        std::fs::write(&key, &pair.1)?;
        Ok(())
    };
    let (first, second) = (pair(None), pair(None));
    write(&first)?;
    let gateway = Gateway::builder()
        .config(&format!("[tls]\ncert = {cert:?}\nkey = {key:?}"))
        .start()
        .await?;
    let trusts_first = Client::https(gateway.address(), &cert)?;
    trusts_first.get("/health").await?.expect(200);

    write(&second)?;
    gateway.signal("HUP").await?;
    let trusts_second = Client::https(gateway.address(), &cert)?;
    eventually("the new certificate", || async {
        Ok(trusts_second.get("/health").await.ok())
    })
    .await?
    .expect(200);
    // A client without a ticket: a resumed session shows no certificate.
    let old = dir.path().join("old.pem");
    std::fs::write(&old, &first.0)?;
    let still = Client::https(gateway.address(), &old)?.get("/health").await;
    assert!(still.is_err(), "the old certificate is still served");

    // A pair that does not fit is refused with words; the running one stays.
    std::fs::write(&key, &first.1)?;
    gateway.signal("HUP").await?;
    eventually("the refusal in the log", || async {
        Ok(gateway.output().contains("key.pem").then_some(()))
    })
    .await?;
    trusts_second.get("/health").await?.expect(200);
    Ok(())
}

#[tokio::test]
async fn unusable_files_are_refused_at_the_start_with_the_file_s_name() -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let (good, other) = (pair(None), pair(None));
    let cases = [
        ("wrong pair", good.0.as_str(), other.1.as_str(), "key.pem"),
        ("empty", "", good.1.as_str(), "cert.pem"),
        ("swapped", good.1.as_str(), good.0.as_str(), "cert.pem"),
        ("no key", good.0.as_str(), "nonsense", "key.pem"),
    ];
    for (case, cert_pem, key_pem, word) in cases {
        let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
        std::fs::write(&cert, cert_pem)?;
        std::fs::write(&key, key_pem)?;
        let prepared = Gateway::builder()
            .config(&format!("[tls]\ncert = {cert:?}\nkey = {key:?}"))
            .prepare()?;
        let output = prepared.command(&["run"]).output().await?;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{case}: {text}");
        assert!(text.contains(word), "{case}: {text}");
    }
    Ok(())
}

/// The certificates that the gateway shows in a hand-shake with a client that trusts `ca`.
async fn shown(gateway: &Gateway, ca: &std::path::Path) -> anyhow::Result<usize> {
    let connector = tokio_rustls::TlsConnector::from(Arc::new(trusting(ca)?));
    let stream = TcpStream::connect(gateway.address()).await?;
    let tls = connector
        .connect(ServerName::try_from("localhost")?, stream)
        .await?;
    let shown = tls.get_ref().1.peer_certificates();
    Ok(shown.map_or(0, <[_]>::len))
}

#[tokio::test]
async fn the_authority_is_limited_not_sent_and_replaced_when_asked_for() -> anyhow::Result<()> {
    let gateway = Gateway::builder()
        .config("[tls]\nnames = [\"gw.site.example\"]")
        .start()
        .await?;
    let ca = gateway.state().join("tls/ca.pem");
    let old = gateway.state().join("old-ca.pem");
    std::fs::copy(&ca, &old)?;
    assert_eq!(shown(&gateway, &ca).await?, 1);

    // Whoever has the authority's key speaks for the site, and for nobody else.
    let key = rcgen::KeyPair::from_pem(&std::fs::read_to_string(
        gateway.state().join("tls/ca-key.pem"),
    )?)?;
    let issuer = rcgen::Issuer::from_ca_cert_pem(&std::fs::read_to_string(&ca)?, key)?;
    for (name, trusted) in [
        ("gw.site.example", true),
        ("other.local", true),
        ("192.168.1.2", true),
        ("bank.example", false),
        ("198.51.100.1", false),
    ] {
        let parameters = rcgen::CertificateParams::new(vec![name.to_owned()])?;
        let leaf = parameters.signed_by(&rcgen::KeyPair::generate()?, &issuer)?;
        let verdict = verify(&ca, leaf.der(), name);
        assert_eq!(verdict.is_ok(), trusted, "{name}: {verdict:?}");
    }

    let renewed = gateway
        .command(&["cert", "renew", "--authority"])
        .output()
        .await?;
    assert!(renewed.status.success(), "{renewed:?}");
    assert_eq!(shown(&gateway, &ca).await?, 1);
    assert!(
        shown(&gateway, &old).await.is_err(),
        "the old one still vouches"
    );
    Ok(())
}

/// What a client that trusts `ca` thinks of a certificate for `name`.
fn verify(
    ca: &std::path::Path,
    leaf: &rustls::pki_types::CertificateDer<'_>,
    name: &str,
) -> anyhow::Result<()> {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in certificates(ca)? {
        roots.add(certificate)?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier =
        rustls::client::WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()?;
    let name = ServerName::try_from(name.to_owned())?;
    let now = rustls::pki_types::UnixTime::now();
    rustls::client::danger::ServerCertVerifier::verify_server_cert(
        &*verifier,
        leaf,
        &[],
        &name,
        &[],
        now,
    )?;
    Ok(())
}

#[tokio::test]
async fn a_certificate_that_is_over_or_gone_does_not_keep_the_gateway_down() -> anyhow::Result<()> {
    let expired = pair(Some((2001, 2002)));
    for files in [Some(&expired), None] {
        let dir = tempfile::tempdir()?;
        let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
        if let Some((cert_pem, key_pem)) = files {
            std::fs::write(&cert, cert_pem)?;
            std::fs::write(&key, key_pem)?;
        }
        let gateway = Gateway::builder()
            .config(&format!("[tls]\ncert = {cert:?}\nkey = {key:?}"))
            .start()
            .await?;
        // The device's own is served.
        let client = gateway.admin()?;
        eventually("an alert that names the file", || async {
            let alerts = client.get("/api/alerts").await?.expect(200).text();
            let named = alerts.contains("Certificate Unusable") && alerts.contains("cert.pem");
            Ok(named.then_some(()))
        })
        .await?;
        let health = gateway.command(&["health"]).output().await?;
        assert!(health.status.success(), "{health:?}");

        // A good one is served as soon as it is there.
        let good = pair(None);
        std::fs::write(&key, &good.1)?;
        std::fs::write(&cert, &good.0)?;
        let replaced = Client::https(gateway.address(), &cert)?.with_key(ADMIN_KEY);
        let path = "/api/alerts?unresolved_only=true";
        eventually("the good certificate, and the end of the alert", || async {
            let Ok(answer) = replaced.get(path).await else {
                return Ok(None);
            };
            let over = !answer.expect(200).text().contains("Certificate Unusable");
            Ok(over.then_some(()))
        })
        .await?;
    }
    Ok(())
}

#[tokio::test]
async fn an_address_that_comes_after_the_start_gets_into_the_certificate() -> anyhow::Result<()> {
    /// What the gateway has on the network of a drone.
    const ADDRESS: &str = "192.168.10.2";
    // Network namespaces need root; `Site::new` says so where there are none.
    let Some(mut site) = Site::new("an address that comes after the start")? else {
        return Ok(());
    };
    let gateway = site.builder()?.start().await?;
    let names = || async {
        let shown = gateway.command(&["cert", "show"]).output().await?;
        anyhow::Ok(String::from_utf8(shown.stdout)?)
    };
    let before = names().await?;
    assert!(!before.contains(ADDRESS), "{before}");
    site.access_point(1)?;
    site.plug(1)?;
    eventually("the address in the certificate", || async {
        Ok(names().await?.contains(ADDRESS).then_some(()))
    })
    .await
}

#[tokio::test]
async fn the_device_certificate_outlives_a_restart() -> anyhow::Result<()> {
    let mut gateway = Gateway::builder().start().await?;
    let ca = gateway.state().join("tls/ca.pem");
    let before = std::fs::read(&ca)?;
    gateway.stop().await?;
    gateway.restart().await?;
    assert_eq!(std::fs::read(&ca)?, before);
    let _ = trusting(&ca)?;
    gateway.anonymous()?.get("/health").await?.expect(200);
    Ok(())
}
