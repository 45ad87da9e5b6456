//! Messages that no program of ours sends.

use prost::bytes::{Buf as _, BufMut as _, Bytes};
use tonic::body::Body;
use tonic::client::GrpcService as _;
use tonic::codec::{Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;
use tonic::{Request, Status};

use super::DEADLINE;

/// Messages as octets that somebody else has made.
#[derive(Clone, Copy)]
pub struct Octets;

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
pub async fn live(channel: Channel, octets: Vec<u8>) -> Status {
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

/// Opens a stream with the beginning of a message of 30 MB that never ends; the stream stays open with what is returned.
pub async fn begin(
    mut channel: Channel,
    path: &str,
    octets: usize,
) -> Result<http::Response<Body>, tonic::transport::Error> {
    let header = [&[0][..], &30_000_000u32.to_be_bytes()].concat();
    let parts = std::iter::once(header).chain(std::iter::repeat_n(vec![0; 1 << 14], octets >> 14));
    let parts = tokio_stream::iter(parts.map(|part| Ok::<_, Status>(Bytes::from(part))));
    let body = axum::body::Body::from_stream(tokio_stream::StreamExt::chain(parts, tokio_stream::pending()));
    let request = http::Request::post(format!("https://collector{path}"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Body::new(body));
    std::future::poll_fn(|cx| channel.poll_ready(cx)).await?;
    channel.call(request.unwrap()).await
}
