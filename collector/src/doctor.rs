//! `traf-collector doctor`: can this collector run here, and if not, what is to be done?

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, ensure};

use crate::authority::Authority;
use crate::clock;
use crate::config::Config;
use crate::folder::Folder;
use crate::secrets::Secrets;
use crate::store::Store;

/// One line for each thing that was looked at, and whether all is well.
pub async fn doctor(config: &Config) -> (String, bool) {
    let (mut lines, mut well) = (String::new(), true);
    let mut say = |name: &str, outcome: anyhow::Result<String>| {
        let (state, words) = match outcome {
            Ok(words) => ("ok", words),
            Err(error) => {
                well = false;
                ("WRONG", format!("{error:#}"))
            }
        };
        let _ = writeln!(lines, "{state:<6} {name:<10} {words}");
    };
    let now = clock::now();
    say("clock", Ok(format!("{now} (compare it with your sensors')")));
    let folder = match Folder::open(&config.data) {
        Ok(folder) => folder,
        Err(error) => {
            say("folder", Err(error.into()));
            return (lines, false);
        }
    };
    say("folder", room(&config.data));
    let running = folder.lock().is_err();
    say("process", Ok(if running { "a collector is running here" } else { "no collector is running here" }.to_owned()));
    say("authority", Authority::open(&folder, now).map(|a| format!("cluster {}", a.cluster)).map_err(Into::into));
    say("peers", peers(&folder).await);
    say("store", store(&folder).await);
    if !running {
        for (name, address) in [("port", config.listen), ("join port", config.join_listen)] {
            let bound = std::net::TcpListener::bind(address).map(|_| format!("{address} is free"));
            say(name, bound.with_context(|| address.to_string()));
        }
    }
    (lines, well)
}

fn room(folder: &Path) -> anyhow::Result<String> {
    let disk = nix::sys::statvfs::statvfs(folder)?;
    let room = disk.blocks_available().saturating_mul(disk.fragment_size()) >> 20;
    ensure!(room >= 256, "{}: only {room} MiB are free", folder.display());
    Ok(format!("{}, {room} MiB free", folder.display()))
}

async fn peers(folder: &Folder) -> anyhow::Result<String> {
    let secrets = Secrets::open(folder).await?;
    let peers = secrets.peers().await?;
    secrets.close().await;
    let admitted = peers.iter().filter(|peer| peer.revoked.is_none()).count();
    Ok(format!("{admitted} admitted, {} revoked", peers.len() - admitted))
}

async fn store(folder: &Folder) -> anyhow::Result<String> {
    if !folder.history().exists() {
        return Ok("none yet: it is made at the first start".to_owned());
    }
    let store = Store::open_read_only(&folder.history()).await?;
    let (sensors, size) = (store.sensors().await?.len(), std::fs::metadata(folder.history())?.len() >> 20);
    store.close().await;
    Ok(format!("{sensors} sensors, {size} MiB"))
}
