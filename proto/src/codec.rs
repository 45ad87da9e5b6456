//! tonic's codec for prost, with the bound on memory (`room.rs`) before it decodes.

use prost::Message;
use prost::bytes::{Buf as _, Bytes};
use tonic::Status;
use tonic::codec::{BufferSettings, Codec, DecodeBuf, Decoder};
use tonic_prost::{ProstCodec, ProstDecoder, ProstEncoder};

use super::room::{self, Bounded};

/// Codec of every method, on both sides.
#[derive(Clone, Debug)]
pub(crate) struct BoundedCodec<T, U>(ProstCodec<T, U>);

impl<T, U> Default for BoundedCodec<T, U> {
    fn default() -> Self {
        Self(ProstCodec::default())
    }
}

impl<T: Message + Send + 'static, U: Bounded + Message + Default + Send + 'static> Codec for BoundedCodec<T, U> {
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = BoundedDecoder<U>;

    fn encoder(&mut self) -> ProstEncoder<T> {
        self.0.encoder()
    }

    fn decoder(&mut self) -> BoundedDecoder<U> {
        BoundedDecoder(self.0.decoder())
    }
}

/// Decodes what a sensor exports.
pub fn decode_export(octets: Bytes) -> Result<crate::ExportRequest, Status> {
    decode(octets)
}

/// Decodes a sensor's present.
pub fn decode_snapshot(octets: Bytes) -> Result<crate::Snapshot, Status> {
    decode(octets)
}

fn decode<U: Bounded + Message + Default>(octets: Bytes) -> Result<U, Status> {
    room::measure::<U>(&octets).map_err(|error| Status::invalid_argument(error.to_string()))?;
    U::decode(octets).map_err(|error| Status::internal(error.to_string()))
}

/// Decoder of [`BoundedCodec`].
#[derive(Clone, Debug)]
pub(crate) struct BoundedDecoder<U>(ProstDecoder<U>);

impl<U: Bounded + Message + Default> Decoder for BoundedDecoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, octets: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        // A message lies in one piece.
        room::measure::<U>(octets.chunk()).map_err(|error| Status::invalid_argument(error.to_string()))?;
        self.0.decode(octets)
    }

    fn buffer_settings(&self) -> BufferSettings {
        self.0.buffer_settings()
    }
}
