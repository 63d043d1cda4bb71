//! `keys qr`: a one-time sign-in link as a QR code, from the running gateway.

use anyhow::Context as _;
use hyper::Method;

use super::args::QrArgs;
use crate::control::{Client, MadeLink, NewLink};
use crate::qr;

/// Prints a link and its code.
pub(super) async fn show(gateway: &Client, args: QrArgs) -> anyhow::Result<()> {
    let (what, new) = match args.key {
        Some(key) => (
            format!("the key {key}"),
            link(Some(key), String::new(), args.permissions),
        ),
        None => {
            let name = args.name.unwrap_or_else(default_name);
            let what = format!("a new key {name:?} that may: {}", args.permissions);
            (what, link(None, name, args.permissions))
        }
    };
    let made: MadeLink = gateway.json(Method::POST, "/links", Some(&new)).await?;
    let place = args.address.as_ref().or(made.places.first());
    let place = place.context(
        "this board has no address that a phone could reach; name one with --address HOST:PORT",
    )?;
    let url = format!("https://{place}/#signin={}", made.secret);
    println!(
        "Signs in one browser, once, within {} minutes, to {what}.",
        made.expires_in_s / 60
    );
    println!("Whoever photographs it can use it first.\n");
    if !args.no_code {
        print!(
            "{}",
            qr::terminal(&url).context("the link is too long for a QR code")?
        );
    }
    println!("\n{url}");
    let others: Vec<&str> = made
        .places
        .iter()
        .filter(|one| *one != place)
        .map(String::as_str)
        .collect();
    if args.address.is_none() && !others.is_empty() {
        println!("Elsewhere, with --address: {}", others.join(", "));
    }
    println!(
        "A browser that warns does not know this gateway yet: https://{place}/trust says what to do."
    );
    Ok(())
}

const fn link(key: Option<String>, name: String, permissions: String) -> NewLink {
    NewLink {
        key,
        name,
        permissions,
    }
}

/// Tells phones apart in the list of keys until somebody names them.
fn default_name() -> String {
    let now = readings::clock::wall_now().to_string();
    format!("Phone {}", now.get(..16).unwrap_or(&now).replace('T', " "))
}
