//! `traf-sensor join`: a token becomes credentials.

use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use traf_peer::Role;
use traf_peer::token::Token;
use traf_peer::{CollectorUrl, file, join};

use crate::run::{VERSION, hostname};

/// Arguments of `join`. The token is never an argument: other users see those.
#[derive(clap::Args, Clone, Debug)]
pub struct JoinArgs {
    /// The collector's join service: <https://HOST:7441>
    #[arg(value_name = "URL")]
    pub url: String,
    /// File that holds the token; `-` reads it from standard input
    #[arg(long, value_name = "FILE")]
    pub token_file: PathBuf,
    /// Name for people [default: the host name]
    #[arg(long, env = "TRAF_SENSOR_NAME", value_name = "NAME")]
    pub name: Option<String>,
}

/// Joins and saves the credentials in `data`; gives the sentence to print.
pub fn run(args: &JoinArgs, data: &Path) -> Result<String> {
    let url = CollectorUrl::parse(&args.url, 7441)?;
    let token: Token = read_token(&args.token_file)?.parse()?;
    // Said before the token is used up.
    writable(data)?;
    let name = args.name.clone().unwrap_or_else(hostname);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting the runtime")?;
    let (credentials, given) = runtime.block_on(join(&url, &token, &name, VERSION))?;
    if credentials.identity.role != Role::Sensor {
        bail!(
            "the token is for a {}, not for a sensor: make one with `traf-collector token create --role sensor`",
            credentials.identity.role
        );
    }
    credentials.save(data)?;
    Ok(format!("joined {} as `{given}`; credentials are in {}", credentials.url, data.display()))
}

fn read_token(file: &Path) -> Result<String> {
    let mut text = String::new();
    // Far longer than any token: a wrong file is told, not read into memory.
    let limit = 4_096;
    if file == Path::new("-") {
        let read = std::io::stdin().lock().take(limit).read_to_string(&mut text);
        read.context("reading the token from standard input")?;
    } else {
        let read = std::fs::File::open(file).and_then(|file| file.take(limit).read_to_string(&mut text));
        read.with_context(|| format!("reading the token in {}", file.display()))?;
    }
    Ok(text)
}

fn writable(data: &Path) -> Result<()> {
    let probe = data.join(".write");
    file::make_folder(data)
        .and_then(|()| std::fs::write(&probe, []))
        .and_then(|()| std::fs::remove_file(&probe))
        .with_context(|| format!("{} cannot be written; choose another folder with --data", data.display()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn refusal(text: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, text).unwrap();
        let args = JoinArgs { url: "https://127.0.0.1:1".to_owned(), token_file: file, name: None };
        format!("{:#}", run(&args, &folder.path().join("data")).unwrap_err())
    }

    #[test]
    fn a_wrong_token_and_an_absent_collector_are_told_in_words() {
        assert!(refusal("password").contains("this is not a token"));
        assert!(refusal("traf1.AAAA").contains("damaged or cut off"));
        let token = Token { pin: [7; 32], id: [1; 6], secret: [9; 20] }.to_string();
        let words = refusal(&token);
        assert!(words.contains("cannot be reached") && words.contains("nobody listens there"), "{words}");
    }
}
