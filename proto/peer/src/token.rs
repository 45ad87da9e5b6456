//! The line that lets a machine join: `traf1.<pin>.<id>.<secret>.<check>`.
//!
//! The pin is the SHA-256 of the authority's public key, so that the machine knows whom it gives the secret to; the
//! collector keeps only a hash of the secret. The check tells a token that was cut off from one that is refused.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use sha2::{Digest, Sha256};

/// A joining token. Its `Debug` does not show the secret.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// SHA-256 of the authority's SubjectPublicKeyInfo.
    pub pin: [u8; 32],
    /// Identifier of the token, for lists.
    pub id: [u8; 6],
    /// Proof of the right to join.
    pub secret: [u8; 20],
}

/// Reason for which a text is not a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Something else altogether.
    #[error("this is not a token: a token begins with `traf1.` and is printed by `traf-collector token create`")]
    Form,
    /// A part is missing or changed.
    #[error("the token is damaged or cut off: copy the whole line again, from `traf1.` to its end")]
    Damaged,
}

impl Token {
    /// Text of a token's identifier, for lists.
    pub fn id_text(id: &[u8]) -> String {
        BASE64.encode(id)
    }

    /// SHA-256 of the secret: all that the collector keeps.
    pub fn secret_hash(&self) -> [u8; 32] {
        Sha256::digest(self.secret).into()
    }

    fn body(&self) -> String {
        format!("traf1.{}.{}.{}", BASE64.encode(self.pin), BASE64.encode(self.id), BASE64.encode(self.secret))
    }
}

fn check(body: &str) -> String {
    BASE64.encode(&Sha256::digest(body)[..3])
}

/// The whole line, secret included: for the one who asked for the token only.
impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let body = self.body();
        write!(f, "{body}.{}", check(&body))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({})", Self::id_text(&self.id))
    }
}

impl FromStr for Token {
    type Err = TokenError;

    fn from_str(text: &str) -> Result<Self, TokenError> {
        fn part<const N: usize>(part: Option<&str>) -> Result<[u8; N], TokenError> {
            let bytes = BASE64.decode(part.ok_or(TokenError::Damaged)?).map_err(|_| TokenError::Damaged)?;
            bytes.try_into().map_err(|_| TokenError::Damaged)
        }
        let text = text.trim();
        let mut parts = text.strip_prefix("traf1.").ok_or(TokenError::Form)?.split('.');
        let token = Self { pin: part(parts.next())?, id: part(parts.next())?, secret: part(parts.next())? };
        let checked = parts.next().is_some_and(|sum| sum == check(&token.body()));
        if checked && parts.next().is_none() { Ok(token) } else { Err(TokenError::Damaged) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_the_clipboard_and_a_damaged_one_is_told() {
        let token = Token { pin: [7; 32], id: [1, 2, 3, 4, 5, 6], secret: [9; 20] };
        let line = format!(" {token}\n");
        assert_eq!(line.parse(), Ok(token.clone()));
        assert_eq!(format!("{token:?}"), "Token(AQIDBAUG)");
        let line = token.to_string();
        for cut in 6..line.len() {
            assert_eq!(line[..cut].parse::<Token>(), Err(TokenError::Damaged), "{cut}");
        }
        assert_eq!("password".parse::<Token>(), Err(TokenError::Form));
    }
}
