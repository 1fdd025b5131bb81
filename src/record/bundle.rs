//! Several histograms as one short text: how a recording holds those of a second.
//!
//! The text is base64 (without padding) of a zlib stream. In it, one after the other: the exact maximum in microseconds (64
//! bits, little-endian; 0 for a histogram without values), then, unless it is empty, the histogram in HdrHistogram's V2
//! encoding, which says itself how long it is. Compressed together they take half of what they take one by one: a
//! second's histograms are much alike.

use std::io::{Read, Write};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::{Deserializer, Serializer as _, V2Serializer};

use crate::record::latency::Latency;

/// A bundle never unpacks to more than this: a hostile file must not fill the memory.
const MAX_BYTES: u64 = 64 * 1024 * 1024;

/// Why a bundle cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The text is not base64.
    #[error("a second's histograms are not base64: {0}")]
    Base64(#[from] base64::DecodeError),
    /// The stream is damaged or ends too early.
    #[error("a second's histograms cannot be unpacked: {0}")]
    Stream(#[from] std::io::Error),
    /// A part of it is not a V2 histogram.
    #[error("a stored histogram cannot be decoded: {0}")]
    Histogram(#[from] hdrhistogram::serialization::DeserializeError),
    /// A histogram of another make.
    #[error("a stored histogram is not of three digits and microseconds")]
    Alien,
}

/// `latencies` as text; `None` when all are empty.
pub fn pack<'a>(latencies: impl Iterator<Item = &'a Latency>) -> Option<String> {
    let (mut bytes, mut serializer, mut is_empty) = (Vec::new(), V2Serializer::new(), true);
    for latency in latencies {
        let max = latency.max().map_or(0, |max| u64::try_from(max.as_micros()).unwrap_or(u64::MAX));
        bytes.extend(max.to_le_bytes());
        if let Some(cells) = latency.cells() {
            is_empty = false;
            serializer.serialize(cells, &mut bytes).ok()?;
        }
    }
    if is_empty {
        return None;
    }
    let mut stream = ZlibEncoder::new(Vec::new(), Compression::best());
    stream.write_all(&bytes).ok()?;
    Some(BASE64.encode(stream.finish().ok()?))
}

/// The histograms of a bundle, one after the other; of no bundle, empty ones.
pub struct Unpacked {
    bytes: Option<Vec<u8>>,
    at: usize,
    decoder: Deserializer,
}

impl Unpacked {
    /// Unpacks what [`pack`] wrote.
    pub fn of(text: Option<&str>) -> Result<Self, BundleError> {
        let bytes = match text {
            None => None,
            Some(text) => {
                let mut bytes = Vec::new();
                ZlibDecoder::new(BASE64.decode(text)?.as_slice()).take(MAX_BYTES).read_to_end(&mut bytes)?;
                Some(bytes)
            }
        };
        Ok(Self { bytes, at: 0, decoder: Deserializer::new() })
    }

    /// The next histogram.
    pub fn take(&mut self) -> Result<Latency, BundleError> {
        let Some(bytes) = &self.bytes else { return Ok(Latency::new()) };
        let mut rest = bytes.get(self.at..).unwrap_or_default();
        let mut max = [0; 8];
        rest.read_exact(&mut max)?;
        let max = u64::from_le_bytes(max);
        if max == 0 {
            self.at = bytes.len() - rest.len();
            return Ok(Latency::new());
        }
        let cells: Histogram<u32> = self.decoder.deserialize(&mut rest)?;
        self.at = bytes.len() - rest.len();
        Latency::from_cells(cells, max).ok_or(BundleError::Alien)
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
        assert!(matches!(unpacked.take(), Err(BundleError::Stream(_))));
    }
}
