//! `traf local`: one machine, no collector yet. A private collector and a sensor, found beside this program, that end with
//! the screens.
//!
//! ```text
//! DIR/collector/    the collector's data, its authority too: kept for the next time
//! DIR/sensor/       the sensor's credentials and spool
//! DIR/console/      our credentials
//! DIR/*.log         what the two say
//! DIR/running       process numbers of what runs, and of whom it belongs to
//! ```
//!
//! Everything listens on loopback, on ports that are free.

mod child;
mod running;

use std::ffi::OsStr;
use std::fs;
use std::future::ready;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures_util::{StreamExt, TryStreamExt};
use traf_model::{Facility, Query, Report};
use traf_peer::Role;
use traf_peer::token::Token;
use traf_peer::{CollectorUrl, Credentials, join};

use crate::cli::Local;
use crate::client::Client;
use crate::command::say;
use crate::failure::Refusal;
use crate::look::Look;
use crate::output::{Answer, Format, Writer};
use crate::runner::{self, Files};
use child::{Child, Program};
use running::{Found, end_left_behind};

/// Time in which a program must be ready.
const READY: Duration = Duration::from_secs(20);

/// Time for which `--once` waits for traffic.
const TRAFFIC: Duration = Duration::from_secs(60);

/// Interval between two looks at files and processes.
const LOOK: Duration = Duration::from_millis(50);

/// The folders of a private collector and its sensor.
struct LocalFolders {
    collector: PathBuf,
    sensor: PathBuf,
    console: PathBuf,
    root: PathBuf,
}

/// Addresses on which the collector listens.
struct Addresses {
    main: CollectorUrl,
    join: CollectorUrl,
}

/// Starts both, shows the screens (or prints the tables once), and ends both.
pub async fn run(local: &Local, state: &Path, look: Look, files: Files) -> Result<()> {
    let folders = LocalFolders::make(local.data.clone().unwrap_or_else(|| state.join("local")))?;
    let mut children = Vec::new();
    let done = match unless_interrupted(prepare(&folders, local, &mut children)).await {
        Ok((client, report, _)) if local.once => unless_interrupted(print(&client, &report, &look)).await,
        // Returns when the screens are left: by a key, a signal, or because the terminal went away.
        Ok((client, _, url)) => {
            let look = Look { collector: format!("{url} (traf local)"), ..look };
            runner::run(client, look, files, &local.start).await
        }
        Err(error) => Err(error),
    };
    // What an earlier run left is not ours to end.
    if children.is_empty() {
        return done;
    }
    if local.keep && done.is_ok() {
        let kept = running::note(&folders.root, 0, &children)?;
        children.into_iter().for_each(Child::leave);
        say(&format!("collector and sensor go on; stop them with: kill {kept}"));
        return done;
    }
    // The sensor first, so that its last slice still arrives.
    while let Some(child) = children.pop() {
        child.end().await;
    }
    running::forget(&folders.root);
    done
}

/// Both programs run, or run already, and have reported.
async fn prepare(folders: &LocalFolders, local: &Local, children: &mut Vec<Child>) -> Result<(Client, Report, String)> {
    let addresses = match running::find(&folders.root) {
        Found::Busy(id) => bail!(
            "another `traf local` (process {id}) uses {}: leave that one first, or choose another folder with --data",
            folders.root.display()
        ),
        Found::Kept(kept) => {
            say(&format!("collector and sensor run already (processes {kept}): opening them"));
            folders.addresses().context("the collector that runs does not say where: end it, and try again")?
        }
        Found::Nothing(left) => {
            if !left.is_empty() {
                say("ending what an earlier run left behind …");
                until(READY, "it has ended", &mut [], || Ok(end_left_behind(&left).then_some(()))).await?;
            }
            folders.start(local, children).await?
        }
    };
    let credentials = folders.credentials(&addresses).await?;
    let client = Client::new(&credentials)?;
    let report = first_traffic(&client, local.once, children).await?;
    Ok((client, report, credentials.url.to_string()))
}

/// A signal ends the work, not us: what we started has to end with us.
async fn unless_interrupted<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::select! {
        done = work => return done,
        () = runner::end_signal()? => {}
    }
    bail!("ended by a signal before it was done")
}

impl LocalFolders {
    fn make(root: PathBuf) -> Result<Self> {
        let make = |path: &Path| {
            let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
            made.with_context(|| format!("making the folder {} (choose another with --data)", path.display()))
        };
        make(&root)?;
        let root = root.canonicalize().with_context(|| format!("finding the folder {}", root.display()))?;
        let [collector, sensor, console] = ["collector", "sensor", "console"].map(|name| root.join(name));
        make(&collector)?;
        make(&sensor)?;
        Ok(Self { collector, sensor, console, root })
    }

    /// Both programs, one after the other; they end with `children` if anything fails.
    async fn start(&self, local: &Local, children: &mut Vec<Child>) -> Result<Addresses> {
        let (collector, sensor) = (Program::find(&self.collector)?, Program::find(&self.sensor)?);
        // Left by a collector that was killed, it would speak of ports that nobody listens on.
        let _ = fs::remove_file(self.collector.join("addresses"));
        say("starting a private collector …");
        children.push(collector.start(["run", "--listen", "127.0.0.1:0", "--join-listen", "127.0.0.1:0"])?);
        running::note(&self.root, std::process::id(), children)?;
        let addresses = until(READY, "the collector is ready", children, || Ok(self.addresses().ok())).await?;

        if !self.sensor_joined(&addresses) {
            let token = self.root.join("token");
            let text = self.token("sensor").await?;
            traf_peer::file::replace(&token, text.as_bytes())
                .with_context(|| format!("writing {}", token.display()))?;
            let url = addresses.join.to_string();
            let words = [OsStr::new("join"), url.as_ref(), "--token-file".as_ref(), token.as_ref()];
            let joined = sensor.answer(words).await;
            let _ = fs::remove_file(&token);
            joined.context("joining the sensor")?;
        }
        say("starting the sensor …");
        let interface = local.interface.iter().flat_map(|name| ["--interface", name]);
        children.push(sensor.start(std::iter::once("run").chain(interface))?);
        running::note(&self.root, std::process::id(), children)?;
        Ok(addresses)
    }

    /// The sensor joined before; its credentials are told where the collector listens this time.
    fn sensor_joined(&self, addresses: &Addresses) -> bool {
        Credentials::load(&self.sensor, "traf-sensor").is_ok_and(|mut credentials| {
            credentials.url = addresses.main.clone();
            credentials.save(&self.sensor).is_ok()
        })
    }

    /// Ours, from the last time or new.
    async fn credentials(&self, addresses: &Addresses) -> Result<Credentials> {
        // Whoever runs both programs may change everything: credentials of an earlier version that could only look are left.
        let mine = Credentials::load(&self.console, "traf").ok();
        if let Some(mut credentials) = mine.filter(|credentials| credentials.identity.role == Role::Admin) {
            credentials.url = addresses.main.clone();
            // So that `traf --credentials DIR/console` finds what --keep leaves.
            credentials.save(&self.console)?;
            return Ok(credentials);
        }
        let token: Token = self.token("admin").await?.parse().context("reading the collector's token")?;
        let name = format!("{}-console", crate::join::host_name());
        let (credentials, _) = join(&addresses.join, &token, &name, env!("CARGO_PKG_VERSION")).await?;
        credentials.save(&self.console)?;
        Ok(credentials)
    }

    async fn token(&self, role: &str) -> Result<String> {
        let answer = Program::find(&self.collector)?.answer(["token", "create", "--role", role]).await;
        answer.with_context(|| format!("making a token for a {role}"))
    }

    /// Lines of a name and an address each.
    fn addresses(&self) -> Result<Addresses> {
        let path = self.collector.join("addresses");
        let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
        let find = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix([' ', '=']));
            let line = line.with_context(|| format!("{} names no address `{name}`", path.display()))?;
            Ok::<CollectorUrl, anyhow::Error>(line.trim().parse()?)
        };
        Ok(Addresses { main: find("main")?, join: find("join")? })
    }
}

/// Waits until the sensor reports, or, for `--once`, until packets were seen.
async fn first_traffic(client: &Client, once: bool, children: &mut [Child]) -> Result<Report> {
    let query = Query { facility: Facility::Interfaces, limit: 100, ..Query::default() };
    say(if once { "waiting for traffic …" } else { "waiting for the sensor's first report …" });
    let waited = tokio::time::timeout(TRAFFIC, async {
        loop {
            alive(children)?;
            // The collector may need a moment more before it answers; that its end was seen is checked above.
            let Ok(reports) = client.watch(&query).await else {
                tokio::time::sleep(LOOK).await;
                continue;
            };
            let mut reports = std::pin::pin!(reports);
            while let Some(Ok(report)) = reports.next().await {
                let seen: u64 = report.rows.iter().map(|row| row.item.traffic().total().packets).sum();
                if report.sensors_reporting > 0 && !report.rows.is_empty() && (seen > 0 || !once) {
                    return Ok(report);
                }
                alive(children)?;
            }
        }
    });
    match waited.await {
        Ok(report) => report,
        Err(_) => bail!("no traffic was seen for {} s: is the machine silent? its log may say more", TRAFFIC.as_secs()),
    }
}

/// Both tables, for people.
async fn print(client: &Client, interfaces: &Report, look: &Look) -> Result<()> {
    let query = Query { facility: Facility::Traffic, limit: 20, ..Query::default() };
    // The first report may be older than the first flow.
    let waited = tokio::time::timeout(READY, async {
        let reports = client.watch(&query).await?.try_filter(|report| ready(!report.rows.is_empty()));
        std::pin::pin!(reports).try_next().await?.context("the collector ended the stream")
    });
    let traffic = waited.await.context("waiting for the first flow")??;
    let mut writer = Writer::new(std::io::stdout().lock(), Format::Table, look);
    for report in [interfaces, &traffic] {
        writer.write(Answer::Report(report, report.facility.into())).context("writing the tables")?;
    }
    Ok(())
}

/// Asks again and again, as long as the programs live.
async fn until<T>(
    deadline: Duration,
    what: &str,
    children: &mut [Child],
    mut look: impl FnMut() -> Result<Option<T>>,
) -> Result<T> {
    let waited = tokio::time::timeout(deadline, async {
        loop {
            if let Some(found) = look()? {
                return Ok(found);
            }
            alive(children)?;
            tokio::time::sleep(LOOK).await;
        }
    });
    waited.await.with_context(|| format!("waiting {} s until {what}", deadline.as_secs()))?
}

/// A program that ended early says why: its exit code and its last words become ours.
fn alive(children: &mut [Child]) -> Result<()> {
    for child in children {
        if let Some((code, words)) = child.ended()? {
            let words = format!("{} ended (exit code {code}): {words}", child.name);
            return Err(Refusal { code: if matches!(code, 2 | 69 | 77 | 78) { code } else { 1 }, words }.into());
        }
    }
    Ok(())
}
