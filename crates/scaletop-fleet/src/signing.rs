//! Who a run document comes from: signed with the controller's nkey (Ed25519), verified with its public key, which every
//! generator's ticket pins.

use std::fmt;

use nkeys::{KeyPair, KeyPairType};

/// A text that is no key, or one of another kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not a seed, or one with a slip of the pen in it (seeds carry a checksum).
    #[error("it is not the seed of a NATS user (58 letters and digits that begin with SU)")]
    Seed,
    /// Not a public key.
    #[error("it is not the public key of a NATS user (56 letters and digits that begin with U)")]
    Public,
}

/// A NATS user's key pair: what a program proves itself with, and signs with. `Debug` shows its public half alone.
pub struct UserKey(KeyPair);

impl UserKey {
    /// A new one, from the system's randomness.
    pub fn generate() -> Self {
        Self(KeyPair::new_user())
    }

    /// The one whose seed this is.
    pub fn from_seed(seed: &str) -> Result<Self, KeyError> {
        // The crate's own error may quote what it was given.
        let pair = KeyPair::from_seed(seed.trim()).ok().filter(|pair| pair.key_pair_type() == KeyPairType::User);
        pair.map(Self).ok_or(KeyError::Seed)
    }

    /// What makes it again: a secret.
    pub fn seed(&self) -> Result<String, KeyError> {
        self.0.seed().ok().ok_or(KeyError::Seed)
    }

    /// The half that everybody may know.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.public_key())
    }

    /// Signs what the public half verifies. 64 bytes; nothing, which verifies nothing, where the key has no secret half.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(message).unwrap_or_default()
    }
}

impl fmt::Debug for UserKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserKey({})", self.0.public_key())
    }
}

/// The public half of a [`UserKey`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(String);

impl PublicKey {
    /// As NATS writes it: 56 letters and digits, the first of which is U.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let pair = KeyPair::from_public_key(text).ok().filter(|pair| pair.key_pair_type() == KeyPairType::User);
        pair.map(|pair| Self(pair.public_key())).ok_or(KeyError::Public)
    }

    /// The key as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the holder of the other half signed this.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        KeyPair::from_public_key(&self.0).is_ok_and(|pair| pair.verify(message, signature).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_signed_is_verified_by_the_other_half_and_by_no_other() {
        let (ours, theirs) = (UserKey::generate(), UserKey::generate());
        let signature = ours.sign(b"run document");
        let public = PublicKey::parse(ours.public().as_str()).expect("a key");
        assert!(public.verify(b"run document", &signature));
        assert!(!public.verify(b"run documenT", &signature), "another text");
        assert!(!theirs.public().verify(b"run document", &signature), "another key");
        for wrong in [&b""[..], &signature[..63], &[0; 64], &[0; 65]] {
            assert!(!public.verify(b"run document", wrong));
        }
    }

    #[test]
    fn a_seed_makes_the_same_key_again() {
        let key = UserKey::generate();
        let again = UserKey::from_seed(&key.seed().expect("a seed")).expect("a key");
        assert_eq!(key.public(), again.public());
        assert_eq!(again.sign(b"x"), key.sign(b"x"));
    }

    #[test]
    fn a_wrong_seed_is_refused_and_not_quoted() {
        let seed = UserKey::generate().seed().expect("a seed");
        let slip = seed.replace(&seed[20..21], if &seed[20..21] == "A" { "B" } else { "A" });
        let account = KeyPair::new_account().seed().expect("a seed");
        for wrong in ["", "SU", "x", &seed[..40], &slip, &account, "SUÄ"] {
            let error = UserKey::from_seed(wrong).expect_err("no seed").to_string();
            assert!(wrong.len() < 3 || !error.contains(wrong), "{error}");
        }
        assert!(PublicKey::parse("U").is_err() && PublicKey::parse(&seed).is_err());
    }

    #[test]
    fn nothing_printed_shows_the_secret() {
        let key = UserKey::generate();
        let seed = key.seed().expect("a seed");
        assert!(!format!("{key:?}").contains(&seed[4..]));
    }
}
