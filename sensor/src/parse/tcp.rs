//! The TCP options that matter here.

/// The segment size that a SYN announces (RFC 9293, 3.7.1), or zero. `options` follow the fixed header.
pub(super) fn mss(mut options: &[u8]) -> u16 {
    while let [kind, rest @ ..] = options {
        options = match (kind, rest) {
            (0, _) => return 0,
            (1, _) => rest,
            (2, [4, high, low, ..]) => return u16::from_be_bytes([*high, *low]),
            (_, [length, ..]) if *length >= 2 => options.get(usize::from(*length)..).unwrap_or_default(),
            _ => return 0,
        };
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_segment_size_is_found_and_broken_options_end_the_search() {
        assert_eq!(mss(&[1, 3, 3, 7, 2, 4, 0x05, 0xb4, 1]), 1460);
        for broken in [&[][..], &[0, 2, 4, 5, 180], &[2], &[2, 4, 5], &[8, 0, 2, 4, 5, 180], &[8, 200, 2, 4, 5, 180]] {
            assert_eq!(mss(broken), 0, "{broken:?}");
        }
    }
}
