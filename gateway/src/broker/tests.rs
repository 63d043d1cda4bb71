//! What a section is told that is wrong, and where topics begin.

use super::*;

fn parsed(change: impl FnOnce(&mut Mqtt)) -> Result<Option<Broker>, String> {
    let mut config = Mqtt {
        url: Some("mqtt://broker.example".to_owned()),
        ..Mqtt::default()
    };
    change(&mut config);
    Broker::parse(&config, "North hall/1")
}

#[test]
fn one_line_is_enough_and_topics_begin_with_the_gateways_name() {
    let broker = parsed(|_| {}).expect("sound").expect("one");
    assert_eq!(
        (broker.port, broker.base()),
        (CLEAR_PORT, "mfg-drone/North-hall-1")
    );
    let secure = parsed(|it| it.url = Some("mqtts://[fd00::1]:9".to_owned()));
    let secure = secure.expect("sound").expect("one");
    assert_eq!((&*secure.host, secure.port), ("fd00::1", 9));
    assert!(secure.tls.is_some() && broker.tls.is_none());
    let own = parsed(|it| it.topic = Some("/site/roof/".to_owned()));
    assert_eq!(own.expect("sound").expect("one").base(), "site/roof");
    assert!(parsed(|it| it.url = None).expect("sound").is_none());
}

#[test]
fn what_is_wrong_begins_with_its_key() {
    let told = |change: fn(&mut Mqtt)| parsed(change).expect_err("refused");
    for (told, wanted) in [
        (
            told(|it| it.url = Some("broker.example".to_owned())),
            "url: it must begin",
        ),
        (
            told(|it| it.url = Some("mqtt://a:b@broker.example".to_owned())),
            "url: set username",
        ),
        (told(|it| it.topic = Some("a/#".to_owned())), "topic: "),
        (
            told(|it| it.cert = Some("c.pem".into())),
            "url: certificates",
        ),
        (
            told(|it| {
                it.url = Some("mqtts://broker.example".to_owned());
                it.cert = Some("c.pem".into());
            }),
            "cert: set key",
        ),
        (
            told(|it| it.password_file = Some("/nowhere/password".into())),
            "password_file /nowhere",
        ),
    ] {
        assert!(told.starts_with(wanted), "{wanted}: {told}");
    }
}
