//! What a mail looks like, and what a section is told that is wrong. `tests/suite/mail.rs`
//! has the mail server.

use super::*;
use crate::notify::tests::battery;
use store::OutboxEvent;

fn section(smtp: &str) -> config::Email {
    config::Email {
        name: "mail".to_owned(),
        smtp: smtp.to_owned(),
        from: "屋上 <drones@site.example>".to_owned(),
        to: vec!["floor@site.example".to_owned()],
        ..config::Email::default()
    }
}

fn opened(section: &config::Email) -> Result<Email, String> {
    Email::open(section, &Arc::new(Allowed::default()))
}

fn written(language: Language, event: OutboxEvent) -> String {
    let email = opened(&section("smtps://mail.site.example")).expect("sound");
    let mail = mail::of(&battery(event), "mail", language, &email.from, &email.to);
    String::from_utf8(mail.expect("written")).expect("mail is ASCII where it is not asked")
}

#[test]
fn a_mail_is_plain_text_in_the_readers_language_and_part_of_a_conversation() {
    let mail = written(Language::Ja, OutboxEvent::Raised);
    assert!(mail.is_ascii(), "{mail}");
    let (head, body) = mail.split_once("\r\n\r\n").expect("head and body");
    for line in [
        "To: floor@site.example",
        "Content-Type: text/plain; charset=utf-8",
        "Auto-Submitted: auto-generated",
        "Content-Language: ja",
        "Importance: high",
        "In-Reply-To: <alert_",
    ] {
        assert!(head.contains(line), "{line} in {head}");
    }
    let body = body.replace("\r\n", "");
    let text = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, body);
    let text = String::from_utf8(text.expect("base64")).expect("UTF-8");
    assert!(
        text.contains("North hall") && text.contains("バッテリーを交換"),
        "{text}"
    );
    assert!(
        text.contains("https://roof.example:8443/#/alerts"),
        "{text}"
    );
    // The next try has the same id, the next event another one and the same conversation.
    let line = |mail: &str, name: &str| {
        let found = mail.lines().find(|line| line.starts_with(name));
        found.expect("the line").to_owned()
    };
    let (again, over) = (
        written(Language::Ja, OutboxEvent::Raised),
        written(Language::Ja, OutboxEvent::Cleared),
    );
    assert_eq!(mail, again);
    assert_ne!(line(&mail, "Message-ID"), line(&over, "Message-ID"));
    assert_eq!(line(&mail, "References"), line(&over, "References"));
    assert!(!over.contains("Importance"), "{over}");
}

#[test]
fn a_section_is_told_what_is_wrong_with_it() {
    let told = |change: fn(&mut config::Email)| {
        let mut section = section("smtps://mail.site.example");
        change(&mut section);
        opened(&section).err().unwrap_or_default()
    };
    assert_eq!(told(|_| {}), "");
    assert_eq!(told(|it| it.smtp = "smtp://127.0.0.1".to_owned()), "");
    for (told, wanted) in [
        (told(|it| it.smtp = "mail.example".to_owned()), "smtp: "),
        (
            told(|it| it.smtp = "https://mail.example".to_owned()),
            "smtp: it must begin",
        ),
        (
            told(|it| it.smtp = "smtps://a:b@mail.example".to_owned()),
            "password_file",
        ),
        (told(|it| it.to.clear()), "to: name 1 to 20"),
        (
            told(|it| it.to = vec!["nobody".to_owned()]),
            "to: \"nobody\" is no mail address",
        ),
        (told(|it| it.from = "a b".to_owned()), "from: "),
        (told(|it| it.username = Some("a".to_owned())), "username: "),
        (told(|it| it.password = Some("a".to_owned())), "password: "),
    ] {
        assert!(
            told.starts_with(wanted) || told.contains(wanted),
            "{wanted}: {told}"
        );
    }
}
