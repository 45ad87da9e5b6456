//! Messages of a stolen sensor that would take all memory, or spoil the sums of all: each is refused or bounded, and the other
//! sensors and the consoles go on.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use common::process::{output, start};
use common::{DEADLINE, Export, summary};
use prost::bytes::{Buf as _, BufMut as _};
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use traf_peer::{Credentials, channel, join};

/// Messages as octets that somebody else has made.
#[derive(Clone, Copy)]
struct Octets;

impl Codec for Octets {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        *self
    }

    fn decoder(&mut self) -> Self {
        *self
    }
}

impl Encoder for Octets {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, octets: Vec<u8>, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(&octets[..]);
        Ok(())
    }
}

impl Decoder for Octets {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining()).to_vec()))
    }
}

/// Sends octets as a message of the live stream, compressed, and returns the answer.
async fn live(channel: Channel, octets: Vec<u8>) -> Status {
    let mut client = tonic::client::Grpc::new(channel).send_compressed(CompressionEncoding::Zstd);
    client.ready().await.unwrap();
    let path = PathAndQuery::from_static("/traf.v1.Ingest/Live");
    // The stream stays open: the answer is to the message, not to its end.
    let messages = tokio_stream::StreamExt::chain(tokio_stream::once(octets), tokio_stream::pending());
    let answer = async {
        let mut answers = client.streaming(Request::new(messages), path, Octets).await?.into_inner();
        while answers.message().await?.is_some() {}
        Ok::<_, Status>(())
    };
    tokio::time::timeout(DEADLINE, answer).await.expect("no answer in time").unwrap_err()
}

#[tokio::test]
async fn millions_of_empty_parts_are_refused_before_they_take_memory() {
    let folder = tempfile::tempdir().unwrap();
    let (running, main, joining) = start(folder.path()).await;
    let admit = async |name: &str| -> Credentials {
        let (code, token, _) = output(folder.path(), &["token", "create", "--role", "sensor"]);
        assert_eq!(code, 0);
        join(&joining, &token.parse().unwrap(), name, "test").await.unwrap().0
    };
    let (honest, stolen) = (admit("web1").await, admit("stolen").await);
    let (mut export, _) = Export::open(channel(&main, &honest).unwrap(), 1).await.unwrap();
    export.send(1, 1, 1, &summary(1)).await;
    export.acked(1).await;
    let stolen = channel(&main, &stolen).unwrap();
    let empty = |tag: u8| [tag, 0].repeat(15_000_000);

    // Interfaces, and losses, of a record.
    for tag in [0x22, 0x2a] {
        let (mut export, _) = Export::open(stolen.clone(), 1).await.unwrap();
        export.send_octets(1, 1, 1, empty(tag)).await;
        let status = export.ack().await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{status}");
        assert!(status.message().contains("its parts need more than 64 MiB of memory"), "{status}");
    }
    // Interfaces of a snapshot.
    let status = live(stolen.clone(), empty(0x32)).await;
    assert_eq!(status.code(), Code::InvalidArgument, "{status}");
    assert!(status.message().contains("its parts need more than 64 MiB of memory"), "{status}");
    // A message that is large only when it is not compressed.
    let status = live(stolen, vec![0; 128 << 20]).await;
    assert_eq!(status.code(), Code::ResourceExhausted, "{status}");

    export.send(1, 2, 2, &summary(2)).await;
    export.acked(2).await;
    println!("{} MB at most", running.peak() / 1_000_000);
    assert!(running.peak() < 300_000_000, "{} octets", running.peak());
}
