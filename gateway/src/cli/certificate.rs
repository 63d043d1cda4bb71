//! `cert`: what the gateway shows to clients.

use hyper::Method;

use super::args::{CertArgs, CertCommand};
use crate::control::Client;
use https::certificates;

pub(super) fn certificate(args: &CertArgs) -> anyhow::Result<()> {
    let config = super::load(&args.config)?.config;
    let dir = super::state_dir(&config);
    match args.command {
        CertCommand::Show => print!("{}", certificates::inspect(&config.tls, dir)?),
        CertCommand::Renew => {
            super::owner::become_owner(dir)?;
            let renewed = super::small_runtime()?.block_on(async {
                anyhow::Ok(match Client::connect(dir).await {
                    Some(gateway) => {
                        gateway
                            .text(Method::POST, "/certificate/renew", None::<&()>)
                            .await?
                    }
                    None => certificates::renew(&config.tls, dir)?.to_string(),
                })
            })?;
            print!("{renewed}");
        }
    }
    Ok(())
}
