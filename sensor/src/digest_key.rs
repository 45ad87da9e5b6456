//! The key of the digests of packets: a secret that all sensors of a cluster share, so that their evidence can be compared
//! while nobody else can make packets whose digests agree. The collector gives it in its answer to a hello.

use std::fmt;

/// The key, and its generation. It is shown nowhere.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct DigestKey {
    /// The words of the key.
    pub(crate) words: [u64; 6],
    generation: u32,
}

/// Reason why octets are no digest key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DigestKeyError {
    /// Cut, or of another version.
    #[error("a digest key has {len} octets, not {0}", len = DigestKey::OCTETS)]
    Length(usize),
    /// Zero stands for no key.
    #[error("a digest key without a generation")]
    Generation,
}

impl DigestKey {
    /// Octets of the key.
    pub const OCTETS: usize = 48;

    /// From its octets.
    pub fn new(octets: &[u8], generation: u32) -> Result<Self, DigestKeyError> {
        let (words, rest) = octets.as_chunks::<8>();
        match <[[u8; 8]; 6]>::try_from(words) {
            Ok(_) if generation == 0 => Err(DigestKeyError::Generation),
            Ok(words) if rest.is_empty() => Ok(Self { words: words.map(u64::from_le_bytes), generation }),
            _ => Err(DigestKeyError::Length(octets.len())),
        }
    }

    /// Its octets.
    pub(crate) fn octets(&self) -> [u8; Self::OCTETS] {
        let mut octets = [0; Self::OCTETS];
        for (octets, word) in octets.as_chunks_mut::<8>().0.iter_mut().zip(self.words) {
            *octets = word.to_le_bytes();
        }
        octets
    }

    /// Its generation, which is not zero: digests of two generations cannot be compared.
    pub fn generation(&self) -> u32 {
        self.generation
    }
}

impl fmt::Debug for DigestKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DigestKey(generation {})", self.generation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_48_octets_and_a_generation_and_never_shows_itself() {
        let octets: [u8; 48] = std::array::from_fn(|place| place as u8 + 100);
        let key = DigestKey::new(&octets, 7);
        assert_eq!(key.map(|key| (key.octets(), key.generation())), Ok((octets, 7)));
        assert_eq!(format!("{:?}", key.ok()), "Some(DigestKey(generation 7))");
        for wrong in [&octets[..47], &octets[..40], &[0; 49], &[0; 56], &[]] {
            assert_eq!(DigestKey::new(wrong, 1), Err(DigestKeyError::Length(wrong.len())));
        }
        assert_eq!(DigestKey::new(&octets, 0), Err(DigestKeyError::Generation));
    }
}
