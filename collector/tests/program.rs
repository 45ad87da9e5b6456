//! The program as people and scripts meet it: exit codes, words, killed and started again.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::path::Path;
use std::time::Duration;

use common::process::{output, start};
use common::{DEADLINE, Export, summary};
use traf_peer::Role;
use traf_peer::token::Token;
use traf_peer::{channel, join};

#[tokio::test]
async fn killed_again_and_again_it_counts_everything_once() {
    let folder = tempfile::tempdir().unwrap();
    let (running, main, joining) = start(folder.path()).await;
    let (code, stdout, _) = output(folder.path(), &["token", "create", "--role", "sensor"]);
    assert_eq!(code, 0);
    let token: Token = stdout.parse().expect("only the token is on stdout");
    let (credentials, _) = join(&joining, &token, "web1", "test").await.unwrap();
    let mut running = (running, main);
    let mut seq = 0;
    for epoch in 1..=5 {
        let channel = channel(&running.1, &credentials).unwrap();
        let (export, mark) = Export::open(channel, epoch).await.unwrap();
        assert!(mark.seq <= seq && mark.seq + 10 >= seq, "mark {} of {seq}", mark.seq);
        // Some of these are committed when it dies, none is acknowledged.
        for next in mark.seq + 1..=mark.seq + 10 {
            export.send(epoch, next, next, &summary(next as i64)).await;
            seq = next;
        }
        tokio::time::sleep(Duration::from_millis(30 * epoch)).await;
        drop(running);
        let (child, main, _) = start(folder.path()).await;
        running = (child, main);
    }
    let (mut export, mark) = Export::open(channel(&running.1, &credentials).unwrap(), 6).await.unwrap();
    for next in mark.seq + 1..=60 {
        export.send(6, next, next, &summary(next as i64)).await;
    }
    export.acked(60).await;
    let (code, stdout, stderr) = output(folder.path(), &["verify"]);
    assert_eq!(code, 0, "{stdout}{stderr}");
    assert!(stdout.contains("I1 capture  ok               60 checked"), "{stdout}");

    // In order, too: it says goodbye and ends with 0.
    let id = nix::unistd::Pid::from_raw(running.0.0.id().try_into().unwrap());
    nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGTERM).unwrap();
    let ended = tokio::task::spawn_blocking(move || running.0.0.wait().unwrap().code());
    assert_eq!(tokio::time::timeout(DEADLINE, ended).await.expect("it does not end").unwrap(), Some(0));
    assert!(!folder.path().join("addresses").exists());
}

#[tokio::test]
async fn what_keeps_it_from_running_is_said_in_words_with_the_right_code() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let config = folder.path().join("collector.toml");
    std::fs::write(&config, "listen = \"127.0.0.1:0\"\nlisten_join = \"127.0.0.1:0\"\n").unwrap();
    let config = config.to_str().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().to_string();
    let file = folder.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let foreign = folder.path().join("foreign");
    std::fs::create_dir(&foreign).unwrap();
    std::fs::write(foreign.join("history.db"), "not a data base, but long enough to be read as one ".repeat(50))
        .unwrap();

    let free = "127.0.0.1:0";
    let cases: [(&Path, &[&str], i32, &str); 9] = [
        (&data, &["run", "--config", config], 78, "line 2, column 1"),
        (&data, &["run", "--config", "/nowhere/collector.toml"], 78, "/nowhere/collector.toml cannot be read"),
        (&data, &["run", "--listen", &port, "--join-listen", free], 1, "is in use by another program"),
        (&foreign, &["run", "--listen", free, "--join-listen", free], 1, "is not a data base"),
        (&file, &["run", "--listen", free, "--join-listen", free], 1, "the collector must own this folder"),
        (&data, &["run", "--listen", "nowhere"], 2, "invalid value 'nowhere'"),
        (&data, &["token", "create", "--role", "king"], 2, "is not a role: sensor, viewer, admin"),
        (&data, &["token", "revoke", "none"], 1, "there is no token `none`"),
        (&folder.path().join("new"), &["verify"], 1, "no collector has ever run on this folder"),
    ];
    for (folder, words, code, said) in cases {
        let (found, stdout, stderr) = output(folder, words);
        assert_eq!(found, code, "{words:?}: {stderr}");
        assert!(stderr.contains(said), "{words:?}: {stderr}");
        assert_eq!(stdout, "", "{words:?}");
    }
}

#[tokio::test]
async fn what_root_makes_in_a_folder_belongs_to_its_owner() {
    use std::os::unix::fs::MetadataExt;
    // Without root there is nobody to step down, and all files are ours: the claim is the same.
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    if nix::unistd::geteuid().is_root() {
        std::os::unix::fs::chown(&data, Some(65_534), Some(65_534)).unwrap();
        std::os::unix::fs::chown(folder.path(), Some(65_534), Some(65_534)).unwrap();
    }
    let (code, _, stderr) = output(&data, &["token", "create", "--role", "sensor"]);
    assert_eq!(code, 0, "{stderr}");
    let owner = std::fs::metadata(&data).unwrap().uid();
    for file in ["secrets.db", "authority/key.pem"] {
        assert_eq!(std::fs::metadata(data.join(file)).unwrap().uid(), owner, "{file}");
    }
}

#[tokio::test]
async fn two_never_run_on_one_folder_and_doctor_tells() {
    let folder = tempfile::tempdir().unwrap();
    let (_running, ..) = start(folder.path()).await;
    let (code, _, stderr) = output(folder.path(), &["run", "--listen", "127.0.0.1:0", "--join-listen", "127.0.0.1:0"]);
    assert_eq!(code, 1, "{stderr}");
    assert!(stderr.contains("another collector is running"), "{stderr}");
    let (code, stdout, _) = output(folder.path(), &["doctor"]);
    assert_eq!(code, 0, "{stdout}");
    assert!(stdout.contains("a collector is running here"), "{stdout}");
}

#[tokio::test]
async fn lists_show_tokens_and_sensors_but_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let (_running, _, joining) = start(folder.path()).await;
    let (_, line, help) =
        output(folder.path(), &["token", "create", "--role", "viewer", "--uses", "3", "--ttl", "15m"]);
    let token: Token = line.parse().unwrap();
    assert!(help.contains("traf join"), "{help}");
    join(&joining, &token, "desk", "test").await.unwrap();
    let (_, tokens, _) = output(folder.path(), &["token", "list"]);
    assert!(
        tokens.contains(&Token::id_text(&token.id)) && tokens.contains("viewer") && tokens.contains("good"),
        "{tokens}"
    );
    let secret = line.trim().split('.').nth(3).unwrap();
    assert!(!tokens.contains(secret));
    let (_, sensors, _) = output(folder.path(), &["sensors", "list"]);
    assert!(sensors.contains("desk") && sensors.contains(Role::Viewer.name()), "{sensors}");
    assert_eq!(output(folder.path(), &["token", "revoke", &Token::id_text(&token.id)]).0, 0);
    assert!(output(folder.path(), &["token", "list"]).1.contains("revoked"));
    // Nothing in the folder holds the secret itself.
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            // SQLite's log may leave the folder while it is read.
            let octets = match std::fs::read(&path) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                octets => octets.unwrap(),
            };
            assert!(!octets.windows(20).any(|window| window == token.secret), "{}", path.display());
        }
    }
}
