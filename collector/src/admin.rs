//! Administration at the data folder: tokens, sensors. A running collector notices in a second.

use std::time::Duration;

use anyhow::{Context, ensure};
use traf_model::Timestamp;
use traf_peer::Role;
use traf_peer::token::Token;

use crate::authority::Authority;
use crate::clock;
use crate::config::Config;
use crate::folder::Folder;
use crate::secrets::{Peer, Secrets, TokenRecord};

async fn open(config: &Config) -> anyhow::Result<(Folder, Secrets)> {
    let folder = Folder::open(&config.data).context("opening the data folder")?;
    let secrets = Secrets::open(&folder).await.context("opening the file of tokens and peers")?;
    Ok((folder, secrets))
}

/// Makes a token; the line to give to those who join. The authority is made with the first one.
pub async fn create_token(config: &Config, role: Role, ttl: Duration, uses: u32) -> anyhow::Result<Token> {
    ensure!(role != Role::Collector, "nobody joins as a collector: choose sensor, viewer or admin");
    ensure!(!ttl.is_zero() && uses > 0, "a token that holds no time or lets nobody in is of no use");
    let now = clock::now();
    let (folder, secrets) = open(config).await?;
    let authority = Authority::open(&folder, now).context("opening the authority")?;
    let token = Token { pin: authority.pin, id: rand::random(), secret: rand::random() };
    secrets.add_token(&token, role, (now, now.after(ttl)), uses).await?;
    let what = format!("token {} made: {role}, {uses} uses, for {} s", Token::id_text(&token.id), ttl.as_secs());
    secrets.audit(now, "local", &what).await?;
    secrets.close().await;
    Ok(token)
}

/// All tokens, as a table.
pub async fn list_tokens(config: &Config) -> anyhow::Result<String> {
    let (_, secrets) = open(config).await?;
    let (tokens, now) = (secrets.tokens().await?, clock::now());
    secrets.close().await;
    let mut lines = format!("{:<10} {:<8} {:>5}  {:<20}  {:<20}  state\n", "id", "role", "uses", "created", "expires");
    for token in tokens {
        let TokenRecord { id, role, created, expires, uses_left, .. } = &token;
        let (created, expires) = (seconds(*created), seconds(*expires));
        lines += &format!(
            "{id:<10} {:<8} {uses_left:>5}  {created:<20}  {expires:<20}  {}\n",
            role.name(),
            state(&token, now)
        );
    }
    Ok(lines)
}

fn state(token: &TokenRecord, now: Timestamp) -> &'static str {
    match token {
        token if token.revoked.is_some() => "revoked",
        token if token.uses_left <= 0 => "used up",
        token if token.expires <= now => "expired",
        _ => "good",
    }
}

/// Takes a token back.
///
/// # Errors
/// No token has this identifier.
pub async fn revoke_token(config: &Config, id: &str) -> anyhow::Result<()> {
    let (_, secrets) = open(config).await?;
    let now = clock::now();
    let found = secrets.revoke_token(id, now).await?;
    secrets.audit(now, "local", &format!("token {id} revoked")).await?;
    secrets.close().await;
    ensure!(found, "there is no token `{id}`: `traf-collector token list` shows them");
    Ok(())
}

/// All admitted sensors and consoles, as a table.
pub async fn list_sensors(config: &Config) -> anyhow::Result<String> {
    let (_, secrets) = open(config).await?;
    let peers = secrets.peers().await?;
    secrets.close().await;
    let mut lines = format!("{:<24} {:<8} {:<20}  {:<32}  state\n", "name", "role", "admitted", "id");
    for Peer { name, role, admitted, id, revoked, .. } in peers {
        let state = revoked.map_or_else(|| "admitted".to_owned(), |at| format!("revoked {}", seconds(at)));
        lines += &format!("{name:<24} {:<8} {:<20}  {id:<32}  {state}\n", role.name(), seconds(admitted));
    }
    Ok(lines)
}

/// Shuts a peer out; its streams end within two seconds.
///
/// # Errors
/// No sensor has this name or identifier.
pub async fn revoke_sensor(config: &Config, name: &str) -> anyhow::Result<()> {
    let (_, secrets) = open(config).await?;
    let now = clock::now();
    let peer = secrets.revoke_peer(name, now).await?;
    if let Some(peer) = &peer {
        secrets.audit(now, "local", &format!("{} `{}` ({}) revoked", peer.role, peer.name, peer.id)).await?;
    }
    secrets.close().await;
    ensure!(peer.is_some(), "there is no sensor `{name}`: `traf-collector sensors list` shows them");
    Ok(())
}

/// Without the fraction: these times are whole seconds.
fn seconds(time: Timestamp) -> String {
    let text = time.to_string();
    text.split_once('.').map_or(text.clone(), |(whole, _)| format!("{whole}Z"))
}
