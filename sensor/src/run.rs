//! `traf-sensor run`: everything put together, and taken apart again when asked.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use traf_model::{Endpoint, SettingsState};
use traf_peer::{Credentials, channel};

use crate::capture::CaptureContext;
use crate::capture::attachments::Attachments;
use crate::capture::snapshots::LatestSnapshots;
use crate::config::Config;
use crate::export::{self, SensorInfo};
use crate::live::LiveStream;
use crate::settings::{ActiveSettings, Channels};
use crate::slice::{self, InterfaceSlice};
use crate::spool::Spool;
use crate::spool::thread;
use crate::system::{clock, connections, interfaces, machine};

/// Of this program.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Time for the delivery of the last records when the sensor ends.
const FINAL_DELIVERY: Duration = Duration::from_secs(3);
/// Interval between two looks at interfaces and our own connections.
const LOOK: Duration = Duration::from_secs(1);
/// Looks after which a start has settled, and every how many the program's idle text leaves memory.
const SETTLED: u32 = 5;
const TEXT_LEAVES: u32 = 60;

/// Captures until it is asked to end.
pub fn run(config: Config) -> Result<()> {
    machine::give_memory_back();
    let credentials = Credentials::load(&config.data, "traf-sensor")?;
    if let Err(error) = credentials.check(clock::now().seconds()) {
        // The clock may still be put right, and until then everything is kept.
        tracing::warn!("{error}");
    }
    let devices = interfaces::list()?;
    interfaces::check(config.chosen(), &devices)?;

    let config = Arc::new(config);
    let boot = clock::boot_id();
    let (spool, last) = Spool::open(&config.spool_folder(), config.spool, boot.clone()).context("opening the spool")?;
    let pid = PidFile::write(&config.data)?;
    let introduction = SensorInfo {
        identity: credentials.identity.to_string(),
        version: VERSION.to_owned(),
        name: config.name.clone().unwrap_or_else(hostname),
        site: config.site.clone().unwrap_or_default(),
    };
    tracing::info!("{} starts for the {}. time, collector {}", introduction.identity, spool.epoch(), credentials.url);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?;
    let channel = runtime.block_on(async { channel(&credentials.url, &credentials) })?;

    let (newest, latest) = watch::channel(LatestSnapshots::default());
    let capturing = latest.clone();
    let (parts, inbox) = mpsc::channel(thread::PARTS);
    let (spool_handle, spool_thread) = thread::start(spool, inbox, move || capturing.borrow().capturing.len())
        .context("starting the spool's thread")?;
    let (wishes, wished) = watch::channel(Arc::default());
    let (own, owned) = watch::channel(Arc::default());
    let (wanted, to_wish) = watch::channel(None);
    let (state, settings) = watch::channel(SettingsState::default());
    let (capture, to_capture) = watch::channel(Arc::default());
    let (reopen, reopened) = watch::channel(0);
    let (given_key, digest_key) = watch::channel(None);
    let channels = Channels { wanted: to_wish, state, capture, digest_key, reopen: reopened };
    let active = ActiveSettings::start(Arc::clone(&config), channels)?;
    let started = clock::now();
    let unseen = last.map(|last| last.unseen(started, &boot, &interfaces::counters())).unwrap_or_default();
    if !unseen.is_empty() {
        tracing::warn!("the sensor did not end as asked: what passed since its last slice is declared as not seen");
        let slice = slice::around(config.slice, started);
        if parts.try_send(InterfaceSlice { slice, generation: 0, summary: None, losses: unseen }).is_err() {
            tracing::error!("what was not seen could not be declared");
        }
    }

    let context =
        CaptureContext { config: Arc::clone(&config), parts, wishes: wished, own: owned, settings: to_capture };
    let mut attachments = Attachments::new(context, active.settings.clone(), newest);
    attachments.turn(&devices, started)?;
    if attachments.is_empty() {
        tracing::warn!("no interface is up; waiting for one");
    }
    let (port, (stop_supervisor, stopped)) = (credentials.url.port, sync_channel(0));
    let supervisor = std::thread::Builder::new()
        .name("supervisor".to_owned())
        .spawn(move || supervise(attachments, active, &own, port, &stopped))
        .context("starting the supervisor")?;
    let seal = move || {
        drop(stop_supervisor);
        if supervisor.join().is_err() {
            tracing::error!("the supervisor ended by a fault in this program");
        }
    };
    let (information, spool) = (introduction.clone(), spool_handle.status());
    let live = LiveStream { introduction: information, started, latest, spool, wishes, wanted, settings };
    let stop = CancellationToken::new();
    let live = runtime.spawn(live.run(channel.clone(), stop.clone()));
    let export = runtime.spawn(export::run(channel, introduction, spool_handle, given_key, stop.clone()));
    runtime.block_on(serve(live, export, seal, reopen, stop))?;
    // Whatever still waits for a reply is dropped with the runtime.
    runtime.shutdown_timeout(Duration::from_millis(200));
    if spool_thread.join().is_err() {
        anyhow::bail!("the spool's thread ended by a fault in this program");
    }
    drop(pid);
    Ok(())
}

/// Tells others who runs here, so that log rotation finds whom to signal. The spool's lock makes it the only one.
struct PidFile(PathBuf);

impl PidFile {
    fn write(data: &Path) -> Result<Self> {
        let path = data.join("sensor.pid");
        std::fs::write(&path, format!("{}\n", std::process::id()))
            .with_context(|| format!("writing {}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Serves until it is asked to end, and delivers what is counted.
async fn serve(
    live: tokio::task::JoinHandle<()>,
    mut export: tokio::task::JoinHandle<()>,
    seal: impl FnOnce() + Send + 'static,
    reopen: watch::Sender<u64>,
    stop: CancellationToken,
) -> Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
    // Caught with and without a text log: else it would end the program.
    let mut user = signal(SignalKind::user_defined1()).context("listening for SIGUSR1")?;

    loop {
        tokio::select! {
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
            _ = user.recv() => {
                tracing::info!("asked to open the text logs anew");
                reopen.send_modify(|times| *times += 1);
            }
        }
    }
    tracing::info!("ending: sealing what is counted and delivering it, for {} s at most", FINAL_DELIVERY.as_secs());
    let final_delivery = async {
        let deadline = tokio::time::Instant::now() + FINAL_DELIVERY;
        if let Err(error) = tokio::task::spawn_blocking(seal).await {
            tracing::error!("the captures could not be ended: {error}");
        }
        tokio::time::timeout_at(deadline, &mut export).await.is_ok()
    };
    tokio::select! {
        delivered = final_delivery => {
            if !delivered {
                tracing::warn!("the collector has not taken everything; the rest waits in the spool");
            }
        }
        _ = terminate.recv() => hurry(),
        _ = interrupt.recv() => hurry(),
    }
    stop.cancel();
    if !export.is_finished() {
        let _ = export.await;
    }
    let _ = live.await;
    Ok(())
}

/// Asked twice: the spool is safe at any moment, so this is no worse than a kill.
fn hurry() {
    tracing::warn!("asked again: ending at once");
    std::process::exit(1);
}

/// Looks after the interfaces and our own connections until `stopped` is closed.
fn supervise(
    mut attachments: Attachments,
    mut active: ActiveSettings,
    own: &watch::Sender<Arc<Vec<(Endpoint, Endpoint)>>>,
    port: u16,
    stopped: &Receiver<()>,
) {
    let mut looks = 0u32;
    while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(LOOK) {
        looks = looks.wrapping_add(1);
        if looks % TEXT_LEAVES == SETTLED {
            machine::forget_idle_text();
        }
        match interfaces::list() {
            Ok(devices) => {
                if let Err(error) = attachments.turn(&devices, clock::now()) {
                    tracing::debug!("{error}");
                }
            }
            Err(error) => tracing::warn!("{error}"),
        }
        active.update(&mut attachments);
        let connections = Arc::new(connections::established(port));
        own.send_if_modified(|known| std::mem::replace(known, Arc::clone(&connections)) != connections);
    }
    attachments.stop();
    active.stop();
}

/// This machine's name.
pub(crate) fn hostname() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    if name.trim().is_empty() { "localhost".to_owned() } else { name.trim().to_owned() }
}
