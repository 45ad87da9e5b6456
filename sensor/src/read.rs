//! `traf-sensor read`: capture files to one document.

use std::path::PathBuf;

/// What `traf-sensor read` is asked.
#[derive(clap::Args, Clone, Debug)]
pub struct ReadArgs {
    /// Capture files: pcap or pcapng, plain or compressed with gzip.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

/// Reads the files and prints the document on standard output.
///
/// # Errors
///
/// When a file cannot be read.
pub fn run(_args: &ReadArgs) -> anyhow::Result<()> {
    Ok(())
}
