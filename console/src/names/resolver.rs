//! The edge to the name servers: takes addresses, sends back what they are called. It is asked over a short queue that
//! never blocks, has at most eight questions under way, and waits two seconds for each.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rand::Rng;
use tokio::net::UdpSocket;
use tokio::sync::mpsc::{Receiver, Sender};
use tokio::task::JoinSet;

use super::dns;
use super::host_names::Known;
use super::text_of;
use crate::event::Event;

/// Questions under way at once.
const FLIGHT: usize = 8;
/// Patience with a name server; the next one is asked after half of it.
const PATIENCE: Duration = Duration::from_secs(2);
/// Name servers that are asked (resolv.conf(5) allows three).
const SERVERS: usize = 3;
/// Questions in a row without an answer after which that is said.
const TROUBLE: u32 = 3;
/// Octets that are read of a file.
const OCTETS: u64 = 1 << 20;
/// Names that are taken from `/etc/hosts`.
const HOSTS: usize = 10_000;

/// Name servers, and names that need no question.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    /// In this order.
    pub servers: Vec<SocketAddr>,
    /// From `/etc/hosts`.
    pub hosts: HashMap<IpAddr, String>,
}

impl Sources {
    /// This machine's; `server` instead of those in `/etc/resolv.conf` where one is given.
    pub fn of_machine(server: Option<SocketAddr>) -> Self {
        let text = |path| text_of(path, OCTETS).unwrap_or_default();
        let hosts = hosts(&text("/etc/hosts"));
        let servers = server.map_or_else(|| servers(&text("/etc/resolv.conf")), |server| vec![server]);
        Self { servers, hosts }
    }
}

/// The name servers of a resolv.conf(5); the machine itself where it names none.
fn servers(text: &str) -> Vec<SocketAddr> {
    let address = |line: &str| line.trim().strip_prefix("nameserver")?.trim().parse::<IpAddr>().ok();
    let found: Vec<SocketAddr> =
        text.lines().filter_map(address).take(SERVERS).map(|address| (address, 53).into()).collect();
    if found.is_empty() { vec![(Ipv4Addr::LOCALHOST, 53).into()] } else { found }
}

/// The first name of each address of a hosts(5).
fn hosts(text: &str) -> HashMap<IpAddr, String> {
    let mut hosts = HashMap::new();
    for line in text.lines().take(HOSTS) {
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
        if let (Some(Ok(address)), Some(name)) = (words.next().map(str::parse), words.next()) {
            hosts.entry(address).or_insert_with(|| name.to_owned());
        }
    }
    hosts
}

/// Answers questions until nobody asks or listens any more.
pub async fn run(sources: Sources, mut questions: Receiver<IpAddr>, events: Sender<Event>) {
    let sources = Arc::new(sources);
    let mut flight: JoinSet<(IpAddr, Result<Known, String>)> = JoinSet::new();
    let (mut silent, mut said) = (0, false);
    loop {
        let (address, found) = tokio::select! {
            address = questions.recv(), if flight.len() < FLIGHT => {
                let Some(address) = address else { return };
                let sources = sources.clone();
                flight.spawn(async move { (address, look_up(&sources, address).await) });
                continue;
            }
            Some(done) = flight.join_next() => match done {
                Ok(done) => done,
                Err(_) => continue,
            },
        };
        silent = if found.is_ok() { 0 } else { silent + 1 };
        let trouble = match &found {
            Ok(_) => said.then(String::new),
            Err(why) => (silent >= TROUBLE && !said).then(|| why.clone()),
        };
        said ^= trouble.is_some();
        let name = Event::Name(address, found.unwrap_or(Known::SILENCE));
        for event in trouble.map(Event::Resolver).into_iter().chain([name]) {
            if events.send(event).await.is_err() {
                return;
            }
        }
    }
}

/// The name of a host, from the first source that answers.
async fn look_up(sources: &Sources, address: IpAddr) -> Result<Known, String> {
    if let Some(name) = sources.hosts.get(&address) {
        return Ok(Known::named(name, u32::MAX));
    }
    let patience = PATIENCE / sources.servers.len().clamp(1, 2) as u32;
    let mut why = "no name server is known: host names are missing".to_owned();
    for server in sources.servers.iter().take(2) {
        let trouble = match tokio::time::timeout(patience, ask(*server, address)).await {
            Ok(Ok(Ok(known))) => return Ok(known),
            Ok(Ok(Err(code))) => format!("fails (code {code})"),
            Ok(Err(error)) => format!("cannot be asked ({error})"),
            Err(_) => "does not answer".to_owned(),
        };
        why = format!("the name server {server} {trouble}: host names are missing");
    }
    Err(why)
}

async fn ask(server: SocketAddr, address: IpAddr) -> io::Result<Result<Known, u8>> {
    // A socket for each question: its port is as random as its number, which is what keeps forgers out (RFC 5452).
    let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await?;
    socket.connect(server).await?;
    let id = rand::rng().random();
    socket.send(&dns::question(id, address)).await?;
    let mut message = [0; 2_048];
    loop {
        let length = socket.recv(&mut message).await?;
        if let Some(answer) = dns::answer(&message[..length], id, address) {
            return Ok(answer);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use tokio::sync::mpsc::channel;

    use super::*;

    fn host(last: u8) -> IpAddr {
        [10, 0, 0, last].into()
    }

    /// A name server that answers what `reply` makes of a question.
    async fn server(reply: fn(Vec<u8>) -> Option<Vec<u8>>) -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(async move {
            let mut message = [0; 512];
            loop {
                let (length, from) = socket.recv_from(&mut message).await.unwrap();
                if let Some(reply) = reply(message[..length].to_vec()) {
                    socket.send_to(&reply, from).await.unwrap();
                }
            }
        });
        address
    }

    /// Names everybody `a<ESC>[2Jb`.
    fn evil(mut message: Vec<u8>) -> Option<Vec<u8>> {
        message[2] |= 0x80;
        message[7] = 1;
        message.extend([0xc0, 12, 0, 12, 0, 1, 0, 0, 1, 44, 0, 8, 6]);
        message.extend(b"a\x1b[2Jb");
        message.push(0);
        Some(message)
    }

    async fn resolved(sources: Sources, asked: u8) -> (Vec<(IpAddr, Known)>, Vec<String>) {
        let (ask, questions) = channel(64);
        let (events, mut inbox) = channel(64);
        let task = tokio::spawn(run(sources, questions, events));
        for last in 1..=asked {
            ask.send(host(last)).await.unwrap();
        }
        let (mut names, mut troubles) = (Vec::new(), Vec::new());
        while names.len() < usize::from(asked) {
            match inbox.recv().await.unwrap() {
                Event::Name(address, known) => names.push((address, known)),
                Event::Resolver(words) => troubles.push(words),
                other => panic!("{other:?}"),
            }
        }
        drop(ask);
        task.await.unwrap();
        names.sort_by_key(|(address, _)| *address);
        (names, troubles)
    }

    #[test]
    fn the_machines_files_say_whom_to_ask() {
        let found = servers("# x\nsearch lan\nnameserver 10.0.0.1\nnameserver fe80::1%eth0\nnameserver 2001:db8::53\n");
        assert_eq!(found, ["10.0.0.1:53", "[2001:db8::53]:53"].map(|text| text.parse().unwrap()));
        assert_eq!(servers(""), ["127.0.0.1:53".parse().unwrap()]);
        let hosts = hosts("127.0.0.1 localhost x\n10.0.0.3\tpc.lan pc # mine\n10.0.0.3 other\nbad\n");
        assert_eq!((hosts.len(), hosts[&host(3)].as_str()), (2, "pc.lan"));
    }

    #[tokio::test]
    async fn names_come_from_the_server_and_from_the_hosts_file() {
        let sources = Sources { servers: vec![server(evil).await], hosts: [(host(2), "nas.lan".to_owned())].into() };
        let (names, troubles) = resolved(sources, 2).await;
        assert_eq!(names[0].1, Known::named("a\x1b[2Jb", 300));
        assert_eq!(names[1].1.name.as_deref(), Some("nas.lan"));
        assert!(troubles.is_empty());
    }

    #[tokio::test]
    async fn a_silent_server_costs_two_seconds_and_is_named_once() {
        let sources = Sources { servers: vec![server(|_| None).await], ..Sources::default() };
        // One after the other, the eight would take sixteen seconds.
        let (names, troubles) = tokio::time::timeout(3 * PATIENCE, resolved(sources, 8)).await.unwrap();
        assert!(names.iter().all(|(_, known)| *known == Known::SILENCE));
        assert!(matches!(&troubles[..], [words] if words.contains("does not answer")), "{troubles:?}");
    }

    #[tokio::test]
    async fn what_is_no_answer_to_us_is_not_listened_to() {
        let sources = Sources { servers: vec![server(Some).await], ..Sources::default() };
        let (names, _) = resolved(sources, 1).await;
        assert_eq!(names[0].1, Known::SILENCE);
    }

    #[tokio::test]
    async fn more_questions_than_there_is_room_for_do_not_hold_up_who_asks() {
        let (ask, questions) = channel(4);
        let (events, _inbox) = channel(4);
        let sources = Sources { servers: vec![server(|_| None).await], ..Sources::default() };
        let task = tokio::spawn(run(sources, questions, events));
        tokio::task::yield_now().await;
        let taken = (0..100u8).filter(|last| ask.try_send(host(*last)).is_ok()).count();
        assert!(taken < 100, "the queue is bounded");
        task.abort();
    }
}
