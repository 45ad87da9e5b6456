//! `traf-sensor doctor`: what holds, what does not, and what to do.

use std::time::Duration;

use anyhow::Result;
use serde::Serialize;
use traf_model::record::writer::{left, table};
use traf_peer::{Credentials, channel, explain};
use traf_proto as wire;

use crate::capture::{CaptureError, CaptureHandle};
use crate::command::listing::ListingFormat;
use crate::config::Config;
use crate::spool::disk;
use crate::system::{clock, interfaces};

/// Result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Good,
    Warning,
    Bad,
}

#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    outcome: Outcome,
    words: String,
}

fn check(check: &'static str, outcome: Outcome, words: impl Into<String>) -> Finding {
    Finding { check, outcome, words: words.into() }
}

/// Looks at everything; gives the report, and whether all that is needed holds.
pub fn run(config: &Config, format: ListingFormat) -> Result<(String, bool)> {
    let credentials = Credentials::load(&config.data, "traf-sensor");
    let mut checks = vec![permission(config), chosen(config)];
    match &credentials {
        Err(error) => checks.push(check("credentials", Outcome::Bad, error.to_string())),
        Ok(credentials) => {
            checks.push(check("credentials", Outcome::Good, credentials.identity.to_string()));
            checks.push(match credentials.check(clock::now().seconds()) {
                Ok(()) => check("clock", Outcome::Good, "our certificate holds at this machine's time"),
                Err(error) => check("clock", Outcome::Bad, error.to_string()),
            });
            checks.push(collector(credentials));
        }
    }
    checks.push(disk_room(config));
    let good = checks.iter().all(|check| check.outcome != Outcome::Bad);
    let line = |check: &Finding| {
        let outcome = match check.outcome {
            Outcome::Good => "ok",
            Outcome::Warning => "warning",
            Outcome::Bad => "BAD",
        };
        vec![check.check.to_owned(), outcome.to_owned(), check.words.clone()]
    };
    let text = format.print(&checks, || table(&["", "", ""].map(left), checks.iter().map(line)))?;
    Ok((text, good))
}

fn permission(config: &Config) -> Finding {
    let up = interfaces::list().map(|all| all.into_iter().find(|(_, device)| device.up));
    match up {
        Err(error) => check("capture", Outcome::Bad, error.to_string()),
        Ok(None) => check("capture", Outcome::Warning, "no interface is up, so it cannot be tried"),
        Ok(Some((name, _))) => match CaptureHandle::open(&name, config.snaplen, 256 << 10) {
            Ok(_) => check("capture", Outcome::Good, format!("allowed (tried on {name})")),
            Err(error @ CaptureError::Permission(..)) => check("capture", Outcome::Bad, error.to_string()),
            Err(error) => check("capture", Outcome::Warning, error.to_string()),
        },
    }
}

fn chosen(config: &Config) -> Finding {
    let devices = match interfaces::list() {
        Ok(devices) => devices,
        Err(error) => return check("interfaces", Outcome::Bad, error.to_string()),
    };
    let chosen: Vec<String> = config.interfaces.iter().chain(&config.mirrors).cloned().collect();
    if let Err(error) = interfaces::check(&chosen, &devices) {
        return check("interfaces", Outcome::Bad, error.to_string());
    }
    let wanted = |name: &String| config.interfaces.is_empty() || chosen.contains(name);
    let (up, down): (Vec<_>, Vec<_>) =
        devices.iter().filter(|(name, _)| wanted(name)).partition(|(_, device)| device.up);
    let names = |all: &[(&String, &interfaces::Device)]| {
        all.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
    };
    match (up.is_empty(), config.interfaces.is_empty() || down.is_empty()) {
        (true, _) => check("interfaces", Outcome::Warning, "none is up; the sensor would wait"),
        (false, true) => check("interfaces", Outcome::Good, names(&up)),
        (false, false) => check("interfaces", Outcome::Warning, format!("{}; down: {}", names(&up), names(&down))),
    }
}

/// Asks for what a sensor may not have: a refusal proves that the collector is there, is ours, and knows us.
fn collector(credentials: &Credentials) -> Finding {
    let ask = async {
        let channel = channel(&credentials.url, credentials).map_err(|error| error.to_string())?;
        let mut client = wire::view_client::ViewClient::new(channel);
        match tokio::time::timeout(Duration::from_secs(10), client.fleet(wire::FleetQuery::default())).await {
            Err(_) => Err("no answer within 10 s".to_owned()),
            Ok(Ok(_)) => Ok(()),
            Ok(Err(status)) => match status.code() {
                tonic::Code::PermissionDenied | tonic::Code::Unimplemented => Ok(()),
                _ => Err(explain(&status)),
            },
        }
    };
    let answer = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(ask),
        Err(error) => Err(error.to_string()),
    };
    match answer {
        Ok(()) => check("collector", Outcome::Good, format!("{} answers, and is ours", credentials.url)),
        Err(words) => check("collector", Outcome::Bad, format!("{}: {words}", credentials.url)),
    }
}

fn disk_room(config: &Config) -> Finding {
    let folder = config.spool_folder();
    // Before the first start the folder, or one above it, is not there yet.
    let there = folder.ancestors().find(|folder| folder.exists()).unwrap_or(&folder);
    let sensor = if disk::SpoolFolder::is_locked(&folder) { "a sensor runs" } else { "no sensor runs" };
    match nix::sys::statvfs::statvfs(there) {
        Err(errno) => check("disk", Outcome::Bad, format!("{}: {}", there.display(), std::io::Error::from(errno))),
        Ok(stat) => {
            #[allow(clippy::unnecessary_cast, reason = "the width differs between platforms")]
            let free = stat.blocks_available() as u64 * stat.fragment_size() as u64;
            let words = format!(
                "{} MiB free in {}, the spool may take {} MiB ({sensor})",
                free >> 20,
                there.display(),
                config.spool.octets >> 20
            );
            let enough = free >= config.spool.octets;
            check("disk", if enough { Outcome::Good } else { Outcome::Warning }, words)
        }
    }
}
