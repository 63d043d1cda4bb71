//! `cert`: what the gateway shows to clients.

use https::certificates::{self, Renewal};
use hyper::Method;

use super::args::{CertArgs, CertCommand};
use crate::control::Client;
use crate::control::{RENEW_AUTHORITY, RENEW_CERTIFICATE};

pub(super) fn certificate(args: &CertArgs) -> anyhow::Result<()> {
    let config = super::load(&args.config)?.config;
    let dir = super::state_dir(&config);
    match args.command {
        CertCommand::Show => print!("{}", certificates::inspect(&config.tls, dir)?),
        CertCommand::Renew { authority } => {
            let renewal = if authority {
                Renewal::Authority
            } else {
                Renewal::Leaf
            };
            super::owner::become_owner(dir)?;
            let renewed = super::small_runtime()?.block_on(async {
                anyhow::Ok(match Client::connect(dir).await {
                    Some(gateway) => {
                        gateway
                            .text(Method::POST, path(renewal), None::<&()>)
                            .await?
                    }
                    None => certificates::renew(&config.tls, dir, renewal)?.to_string(),
                })
            })?;
            print!("{renewed}");
        }
    }
    Ok(())
}

const fn path(renewal: Renewal) -> &'static str {
    match renewal {
        Renewal::Leaf => RENEW_CERTIFICATE,
        Renewal::Authority => RENEW_AUTHORITY,
    }
}
