//! Getting credentials: a token for a certificate.

use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, bail};
use traf_peer::Role;
use traf_peer::token::Token;
use traf_peer::{CollectorUrl, join as ask};

use crate::cli::Join;
use crate::command::say;

/// Port of the join service where the URL names none.
const PORT: u16 = 7441;

/// Longest token file that is read: a token has some 120 characters.
const LONGEST: u64 = 4_096;

/// Joins, and keeps the credentials in `folder`.
pub async fn run(join: &Join, folder: &Path) -> Result<()> {
    let url = CollectorUrl::parse(&join.url, PORT)?;
    let token: Token = read(&join.token_file)?.parse().context("reading the token")?;
    let name = join.name.clone().unwrap_or_else(host_name);
    let (credentials, name) = ask(&url, &token, &name, env!("CARGO_PKG_VERSION")).await?;
    if !matches!(credentials.identity.role, Role::Viewer | Role::Admin) {
        bail!(
            "the token is for a {}, not for a console: make one with `traf-collector token create --role viewer`",
            credentials.identity.role
        );
    }
    credentials.save(folder)?;
    say(&format!(
        "joined {} as {name} ({}); credentials in {}",
        credentials.url,
        credentials.identity,
        folder.display()
    ));
    Ok(())
}

fn read(file: &Path) -> Result<String> {
    let mut text = String::new();
    let context = || format!("reading the token file {}", file.display());
    let from: Box<dyn Read> = match file.to_str() {
        Some("-") => Box::new(std::io::stdin()),
        _ => Box::new(std::fs::File::open(file).with_context(context)?),
    };
    from.take(LONGEST).read_to_string(&mut text).with_context(context)?;
    Ok(text)
}

/// This machine's name; the collector makes it unique.
pub fn host_name() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    if name.trim().is_empty() { "console".to_owned() } else { name.trim().to_owned() }
}
