//! Several histograms as one short text: how a recording holds those of a second.
//!
//! The text is base64 (without padding) of a zlib stream. In it, one after the other, the histograms as [`Latency::pack`]
//! writes them. Compressed together they take half of what they take one by one: a second's histograms are much alike.

use std::io::{Read, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

use crate::record::latency::{Latency, UnpackError};

/// A bundle never unpacks to more than this: a hostile file must not fill the memory.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// Why a bundle cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BundleError {
    /// The text is not base64.
    #[error("a second's histograms are not base64: {0}")]
    Base64(#[from] base64::DecodeError),
    /// The stream is damaged.
    #[error("a second's histograms cannot be unpacked: {0}")]
    Stream(#[from] std::io::Error),
    /// A histogram in it cannot be read.
    #[error("a stored histogram cannot be read: {0}")]
    Histogram(#[from] UnpackError),
}

/// `latencies` as text; `None` when all are empty.
pub(crate) fn pack<'a>(latencies: impl Iterator<Item = &'a Latency>) -> Option<String> {
    let (mut bytes, mut is_empty) = (Vec::new(), true);
    for latency in latencies {
        is_empty &= latency.is_empty();
        latency.pack(&mut bytes);
    }
    if is_empty {
        return None;
    }
    let mut stream = ZlibEncoder::new(Vec::new(), Compression::default());
    stream.write_all(&bytes).ok()?;
    Some(BASE64.encode(stream.finish().ok()?))
}

/// The histograms of a bundle, one after the other; of no bundle, empty ones.
pub(crate) struct Unpacked {
    bytes: Option<Vec<u8>>,
    at: usize,
}

impl Unpacked {
    /// Unpacks what [`pack`] wrote.
    pub(crate) fn of(text: Option<&str>) -> Result<Self, BundleError> {
        let bytes = match text {
            None => None,
            Some(text) => {
                let mut bytes = Vec::new();
                ZlibDecoder::new(BASE64.decode(text)?.as_slice()).take(MAX_BYTES).read_to_end(&mut bytes)?;
                Some(bytes)
            }
        };
        Ok(Self { bytes, at: 0 })
    }

    /// The next histogram.
    pub(crate) fn take(&mut self) -> Result<Latency, BundleError> {
        let Some(bytes) = &self.bytes else { return Ok(Latency::new()) };
        let mut rest = bytes.get(self.at..).unwrap_or_default();
        let latency = Latency::unpack(&mut rest)?;
        self.at = bytes.len() - rest.len();
        Ok(latency)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn of(micros: &[u64]) -> Latency {
        let mut latency = Latency::new();
        for &value in micros {
            latency.record(Duration::from_micros(value));
        }
        latency
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))] // each case fills histograms that reach to ten minutes
        #[test]
        fn what_is_packed_is_unpacked(all in prop::collection::vec(prop::collection::vec(1_u64..900_000_000, 0..60), 0..6)) {
            let latencies: Vec<_> = all.iter().map(|values| of(values)).collect();
            let text = pack(latencies.iter());
            let mut unpacked = Unpacked::of(text.as_deref()).unwrap();
            for latency in &latencies {
                let back = unpacked.take().unwrap();
                prop_assert_eq!((back.count(), back.max()), (latency.count(), latency.max()));
                for q in [0.0, 0.5, 0.99, 1.0] {
                    prop_assert_eq!(back.quantile(q), latency.quantile(q));
                }
            }
        }

        #[test]
        fn damaged_text_is_an_error_and_never_a_panic(text in "[A-Za-z0-9+/]{0,80}") {
            if let Ok(mut unpacked) = Unpacked::of(Some(&text)) {
                let _ = unpacked.take();
            }
        }
    }

    #[test]
    fn a_bundle_that_ends_early_is_an_error() {
        let text = pack([&of(&[80_000])].into_iter()).unwrap();
        let mut unpacked = Unpacked::of(Some(&text)).unwrap();
        unpacked.take().unwrap();
        assert!(matches!(unpacked.take(), Err(BundleError::Histogram(UnpackError::Short))));
    }
}
