//! `traf-sensor doctor`: what holds, what does not, and what to do.

use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use serde::Serialize;
use tonic::Code;
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

/// Result of a check, with its words. An error is [`Outcome::Bad`].
type Verdict = Result<(Outcome, String)>;

/// Looks at everything; gives the report, and whether all that is needed holds.
pub fn run(config: &Config, format: ListingFormat) -> Result<(String, bool)> {
    let mut findings = Vec::new();
    let mut note = |check, verdict: Verdict| {
        let (outcome, words) = verdict.unwrap_or_else(|error| (Outcome::Bad, error.to_string()));
        findings.push(Finding { check, outcome, words });
    };
    note("capture", permission(config));
    note("interfaces", chosen(config));
    match Credentials::load(&config.data, "traf-sensor") {
        Err(error) => note("credentials", Err(error.into())),
        Ok(credentials) => {
            let clock = credentials.check(clock::now().seconds());
            note("credentials", Ok((Outcome::Good, credentials.identity.to_string())));
            let holds = |()| (Outcome::Good, "our certificate holds at this machine's time".to_owned());
            note("clock", clock.map(holds).map_err(Into::into));
            note("collector", collector(&credentials));
        }
    }
    note("disk", disk_room(config));
    let good = findings.iter().all(|finding| finding.outcome != Outcome::Bad);
    let line = |finding: &Finding| {
        let outcome = match finding.outcome {
            Outcome::Good => "ok",
            Outcome::Warning => "warning",
            Outcome::Bad => "BAD",
        };
        vec![finding.check.to_owned(), outcome.to_owned(), finding.words.clone()]
    };
    let text = format.print(&findings, || table(&["", "", ""].map(left), findings.iter().map(line)))?;
    Ok((text, good))
}

fn permission(config: &Config) -> Verdict {
    let Some((name, _)) = interfaces::list()?.into_iter().find(|(_, device)| device.up) else {
        return Ok((Outcome::Warning, "no interface is up, so it cannot be tried".to_owned()));
    };
    match CaptureHandle::open(&name, config.snaplen, 256 << 10) {
        Ok(_) => Ok((Outcome::Good, format!("allowed (tried on {name})"))),
        Err(error @ CaptureError::Permission(..)) => Err(error.into()),
        Err(error) => Ok((Outcome::Warning, error.to_string())),
    }
}

fn chosen(config: &Config) -> Verdict {
    let devices = interfaces::list()?;
    interfaces::check(config.chosen(), &devices)?;
    let wanted = devices.iter().filter(|(name, _)| config.wants(name));
    let (up, down): (Vec<_>, Vec<_>) = wanted.partition(|(_, device)| device.up);
    let names = |all: &[(&String, &interfaces::Device)]| {
        all.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
    };
    Ok(match (up.is_empty(), config.interfaces.is_empty() || down.is_empty()) {
        (true, _) => (Outcome::Warning, "none is up; the sensor would wait".to_owned()),
        (false, true) => (Outcome::Good, names(&up)),
        (false, false) => (Outcome::Warning, format!("{}; down: {}", names(&up), names(&down))),
    })
}

/// Asks for what a sensor may not have: a refusal proves that the collector is there, is ours, and knows us.
fn collector(credentials: &Credentials) -> Verdict {
    let url = &credentials.url;
    let ask = async {
        let mut client = wire::view_client::ViewClient::new(channel(url, credentials)?);
        match tokio::time::timeout(Duration::from_secs(10), client.fleet(wire::FleetQuery::default())).await {
            Err(_) => bail!("no answer within 10 s"),
            Ok(Err(status)) if !matches!(status.code(), Code::PermissionDenied | Code::Unimplemented) => {
                bail!(explain(&status))
            }
            Ok(_) => Ok(()),
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let answer = runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(ask));
    answer.map_err(|error| anyhow!("{url}: {error}"))?;
    Ok((Outcome::Good, format!("{url} answers, and is ours")))
}

fn disk_room(config: &Config) -> Verdict {
    let folder = config.spool_folder();
    // Before the first start the folder, or one above it, is not there yet.
    let there = folder.ancestors().find(|folder| folder.exists()).unwrap_or(&folder);
    let failed = |errno| anyhow!("{}: {}", there.display(), std::io::Error::from(errno));
    let stat = nix::sys::statvfs::statvfs(there).map_err(failed)?;
    #[allow(clippy::unnecessary_cast, reason = "the width differs between platforms")]
    let free = stat.blocks_available() as u64 * stat.fragment_size() as u64;
    let sensor = if disk::SpoolFolder::is_locked(&folder) { "a sensor runs" } else { "no sensor runs" };
    let (mib, limit) = (free >> 20, config.spool.octets >> 20);
    let words = format!("{mib} MiB free in {}, the spool may take {limit} MiB ({sensor})", there.display());
    Ok((if free >= config.spool.octets { Outcome::Good } else { Outcome::Warning }, words))
}
