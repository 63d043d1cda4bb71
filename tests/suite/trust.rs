//! Before somebody trusts the gateway: fingerprints, and the authority to install.

use anyhow::Context as _;
use gateway_tests::Gateway;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

#[tokio::test]
async fn the_authority_is_had_without_a_key_in_every_form() -> anyhow::Result<()> {
    let gateway = Gateway::builder().start().await?;
    let anonymous = gateway.anonymous()?;
    let kept = std::fs::read(gateway.state().join("tls/ca.pem"))?;
    let authority = CertificateDer::from_pem_slice(&kept)?;

    let pem = anonymous.get("/trust/authority.pem").await?.expect(200);
    assert_eq!(CertificateDer::from_pem_slice(&pem.body)?, authority);
    assert_eq!(
        pem.text(),
        String::from_utf8_lossy(&kept).replace("\r\n", "\n")
    );
    let crt = anonymous.get("/trust/authority.crt").await?.expect(200);
    assert_eq!(crt.header("content-type"), "application/x-x509-ca-cert");
    assert_eq!(&crt.body[..], &authority[..]);
    let profile = anonymous
        .get("/trust/authority.mobileconfig")
        .await?
        .expect(200);
    assert_eq!(
        profile.header("content-type"),
        "application/x-apple-aspen-config"
    );
    let base64: String = profile
        .text()
        .split("<data>")
        .nth(1)
        .context("no data")?
        .split("</data>")
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let of_pem: String = pem
        .text()
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect();
    assert_eq!(base64, of_pem);

    let facts = anonymous.get("/api/trust").await?.expect(200).json();
    let shown = facts["authority"]["fingerprint_sha256"]
        .as_str()
        .context("none")?;
    assert_eq!(shown.split(':').count(), 32, "{shown}");
    let show = gateway.command(&["cert", "show"]).output().await?;
    let told = String::from_utf8_lossy(&show.stdout).into_owned();
    assert!(told.contains(shown), "{told}");
    let served = facts["certificate"]["fingerprint_sha256"]
        .as_str()
        .context("none")?;
    assert!(told.contains(served) && served != shown, "{told}");
    assert!(
        facts["certificate"]["names"]
            .to_string()
            .contains("localhost"),
        "{facts}"
    );
    for answer in [pem.text(), profile.text(), facts.to_string()] {
        assert!(!answer.contains("PRIVATE"), "{answer}");
    }
    Ok(())
}
