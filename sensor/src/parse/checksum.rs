//! The IPv4 header checksum (RFC 1071).

/// True if the check sum of a header holds; its length is a multiple of four octets.
#[inline(always)]
pub(super) fn holds(header: &[u8]) -> bool {
    // Sums of 32-bit words in native order: one's complement addition does not care about the order (RFC 1071, 2).
    let (words, _) = header.as_chunks::<4>();
    let sum: u64 = words.iter().map(|word| u64::from(u32::from_ne_bytes(*word))).sum();
    let sum = (sum & 0xffff_ffff) + (sum >> 32);
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = (sum & 0xffff) + (sum >> 16);
    sum == 0xffff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_from_a_textbook_holds_until_a_bit_is_flipped() {
        let mut header =
            [0x45, 0, 0, 0x73, 0, 0, 0x40, 0, 0x40, 0x11, 0xb8, 0x61, 0xc0, 0xa8, 0, 1, 0xc0, 0xa8, 0, 0xc7];
        assert!(holds(&header));
        for bit in 0..160 {
            header[bit / 8] ^= 1 << (bit % 8);
            assert!(!holds(&header), "bit {bit}");
            header[bit / 8] ^= 1 << (bit % 8);
        }
    }
}
