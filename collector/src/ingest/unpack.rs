//! Decompression of messages. A decompressor has 2.4 MB of buffers, and a sensor sends a message or two a second: a few are kept, for
//! all streams.

use std::io;
use std::sync::{Mutex, PoisonError};

use tonic::Status;
use zstd::stream::raw::{DParameter, Decoder, InBuffer, Operation as _, OutBuffer};

/// Decompressors that are kept.
const KEPT: usize = 4;
/// Logarithm of the octets that a message may refer back to: more than zstd's usual levels do (RFC 8878, 3.1.1.1.2).
const WINDOW: u32 = 23;
/// Octets for which room is made at first; then as many again as there are.
const AT_FIRST: usize = 128 << 10;

/// Decompressors that nobody uses now.
#[derive(Default)]
pub(crate) struct Unpackers(Mutex<Vec<Decoder<'static>>>);

impl Unpackers {
    /// Decompresses a message of one frame to at most `most` octets.
    pub(super) fn unpack(&self, packed: &[u8], most: usize) -> Result<Vec<u8>, Status> {
        let known = self.kept().pop();
        let mut decoder = known.map_or_else(decoder, Ok).map_err(damaged)?;
        let octets = unpack(&mut decoder, packed, most)?;
        // One that failed is not used again.
        let mut kept = self.kept();
        if kept.len() < KEPT && decoder.reinit().is_ok() {
            kept.push(decoder);
        }
        Ok(octets)
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, Vec<Decoder<'static>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn decoder() -> io::Result<Decoder<'static>> {
    let mut decoder = Decoder::new()?;
    decoder.set_parameter(DParameter::WindowLogMax(WINDOW))?;
    Ok(decoder)
}

fn unpack(decoder: &mut Decoder<'_>, packed: &[u8], most: usize) -> Result<Vec<u8>, Status> {
    let mut input = InBuffer::around(packed);
    let mut octets = Vec::new();
    loop {
        if octets.len() == octets.capacity() {
            octets.reserve_exact(octets.len().max(AT_FIRST).min(most + 1 - octets.len()));
        }
        let (before, read) = (octets.len(), input.pos());
        let left = decoder.run(&mut input, &mut OutBuffer::around_pos(&mut octets, before)).map_err(damaged)?;
        if octets.len() > most {
            let long = format!("a message of more than {most} octets when it is decompressed");
            return Err(Status::resource_exhausted(long));
        }
        if left == 0 && input.pos() == packed.len() {
            return Ok(octets);
        }
        if left == 0 || (octets.len(), input.pos()) == (before, read) {
            return Err(Status::internal("a compressed message does not end with its frame"));
        }
    }
}

fn damaged(error: io::Error) -> Status {
    Status::internal(format!("a message cannot be decompressed: {error}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]

    use super::*;

    #[test]
    fn whatever_was_packed_is_unpacked_and_decompressors_are_used_again() {
        let unpackers = Unpackers::default();
        for length in [0, 1, 1_000, AT_FIRST, AT_FIRST + 1, 3_000_000] {
            let octets: Vec<u8> = (0..length).map(|place| (place * place / 7) as u8).collect();
            let packed = zstd::encode_all(&octets[..], 3).unwrap();
            assert!(unpackers.unpack(&packed, length.max(1)).unwrap() == octets, "{length}");
        }
        assert_eq!(unpackers.kept().len(), 1);
    }

    #[test]
    fn what_is_too_long_cut_off_or_no_frame_is_refused() {
        let unpackers = Unpackers::default();
        let refused = |packed: &[u8], most| unpackers.unpack(packed, most).unwrap_err().code();
        let packed = zstd::encode_all(&vec![7; 50 << 20][..], 3).unwrap();
        assert_eq!(refused(&packed, (50 << 20) - 1), tonic::Code::ResourceExhausted);
        assert_eq!(refused(&packed[..packed.len() - 1], 50 << 20), tonic::Code::Internal);
        assert_eq!(refused(&[&packed[..], &packed].concat(), 100 << 20), tonic::Code::Internal);
        assert_eq!(refused(b"no frame at all", 1_000), tonic::Code::Internal);
        assert_eq!(refused(b"", 1_000), tonic::Code::Internal);
        assert_eq!(unpackers.unpack(&packed, 50 << 20).unwrap().len(), 50 << 20);
    }

    #[test]
    fn a_frame_that_wants_a_large_window_is_refused() {
        let mut encoder = zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
        encoder.window_log(WINDOW + 1).unwrap();
        io::Write::write_all(&mut encoder, &vec![7; 40 << 20]).unwrap();
        let packed = encoder.finish().unwrap();
        let refused = Unpackers::default().unpack(&packed, 50 << 20).unwrap_err();
        assert_eq!(refused.code(), tonic::Code::Internal, "{refused}");
    }
}
