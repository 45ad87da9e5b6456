//! Free memory goes back to the system where much is resident: the one place in the collector with `unsafe`.
//!
//! The C library keeps what was freed between pieces that are in use. Of 200 sensors with 2,000 flows a slice that is a third of what
//! is resident. To give it back costs a twentieth of the processor's time then, and nothing where there are fewer.

#![allow(unsafe_code)]

use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// Octets from which on it is much.
const MUCH: u64 = 220 << 20;
/// Octets by which it has grown before it is worth another pass: what is in use does not go back, however often it is tried.
const GROWN: u64 = 4 << 20;
/// Time between two looks.
const PERIOD: Duration = Duration::from_millis(250);

/// Gives free memory back until `stop`.
pub(crate) async fn give_back(stop: CancellationToken) {
    let mut least = 0;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(PERIOD) => {}
        }
        let before = resident();
        least = before.min(least);
        if before > MUCH && before > least + GROWN {
            // It takes tens of milliseconds.
            let _ = tokio::task::spawn_blocking(trim).await;
            least = resident();
        }
    }
}

/// Octets of memory that are resident (proc_pid_statm(5)); 0 where that is not known.
fn resident() -> u64 {
    let sizes = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = sizes.split_whitespace().nth(1).and_then(|pages| pages.parse().ok());
    let page =
        nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok().flatten().and_then(|page| page.try_into().ok());
    pages.zip(page).map_or(0, |(pages, page): (u64, u64)| pages.saturating_mul(page))
}

/// Whole pages that are free go back, also between pieces that are in use (malloc_trim(3)).
#[cfg(target_env = "gnu")]
fn trim() {
    // SAFETY: it may be called at any time by any thread, and touches nothing that is in use.
    unsafe { libc::malloc_trim(0) };
}

/// Another C library has no such call.
#[cfg(not(target_env = "gnu"))]
fn trim() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_env = "gnu")]
    fn what_is_free_between_pieces_in_use_goes_back() {
        let all: Vec<Vec<u8>> = (0..4_000).map(|_| vec![7; 16 << 10]).collect();
        let full = resident();
        let used: Vec<Vec<u8>> = all.into_iter().step_by(50).collect();
        trim();
        let given = full.saturating_sub(resident());
        assert!(given > 40 << 20, "{given} octets of 64 MB with {} in use", used.len());
    }
}
