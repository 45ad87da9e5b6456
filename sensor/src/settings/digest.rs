//! The key of the digests, in `digest.toml` in the data folder, which only its owner reads: a sensor that starts again has it at
//! once.

use std::io;
use std::path::Path;

use serde::Deserialize;
use traf_peer::file;

use crate::digest_key::DigestKey;

/// Its name in the data folder.
const FILE: &str = "digest.toml";

/// Keys of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    generation: u32,
    /// Octets, hexadecimal.
    key: String,
}

/// Reads the file in the folder `data`; `None` if there is none.
///
/// # Errors
/// A sentence, if the file cannot be read or is not understood; nothing of the key is in it.
pub(super) fn load(data: &Path) -> Result<Option<DigestKey>, String> {
    let path = data.join(FILE);
    let failed = |error: String| format!("{}: {error}", path.display());
    let Some(text) = file::read_if_there(&path).map_err(|error| failed(error.to_string()))? else { return Ok(None) };
    let Ok(Kept { generation, key }) = toml::from_str(&text) else {
        return Err(failed("it is not as the sensor wrote it".to_owned()));
    };
    let octets = octets(&key).ok_or_else(|| failed("the key is not hexadecimal".to_owned()))?;
    DigestKey::new(&octets, generation).map(Some).map_err(|error| failed(error.to_string()))
}

/// Replaces the file: written aside, synchronised, renamed. On an error the former file is still there.
pub(super) fn save(data: &Path, key: &DigestKey) -> io::Result<()> {
    let hex: String = key.octets().iter().map(|octet| format!("{octet:02x}")).collect();
    let text = format!("{HEAD}generation = {}\nkey = \"{hex}\"\n", key.generation());
    file::replace(&data.join(FILE), text.as_bytes())
}

/// Of pairs of hexadecimal digits.
fn octets(hex: &str) -> Option<Vec<u8>> {
    let digits = hex.chars().map(|digit| digit.to_digit(16)).collect::<Option<Vec<u32>>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| (high << 4 | low) as u8).collect())
}

const HEAD: &str = "\
# Secret that all sensors of a cluster share. The collector gives it; the sensor writes this file.
";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn key(generation: u32) -> DigestKey {
        DigestKey::new(&std::array::from_fn::<u8, 48, _>(|place| place as u8 * 5 + 11), generation).unwrap()
    }

    #[test]
    fn what_is_kept_is_read_back_and_only_its_owner_reads_it() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(load(folder.path()), Ok(None));
        for generation in [1, u32::MAX] {
            save(folder.path(), &key(generation)).unwrap();
            assert_eq!(load(folder.path()), Ok(Some(key(generation))));
        }
        let mode = fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_file_that_is_not_understood_is_an_error_that_says_nothing_of_the_key() {
        let folder = tempfile::tempdir().unwrap();
        for text in [
            "generation = 1\nkey = \"0badc0de\"\n",
            "generation = 1\nkey = \"0badc0dx\"\n",
            "generation = 1\nkey = \"é0badc0de\"\n",
            "generation = 1\nkey = 0badc0de\n",
            "generation = -1\nkey = \"0badc0de\"\n",
            "0badc0de",
        ] {
            fs::write(folder.path().join(FILE), text).unwrap();
            let words = load(folder.path()).unwrap_err();
            assert!(words.contains(FILE) && !words.contains("badc"), "{words}");
        }
    }
}
