//! Several histograms as one short text: how a recording holds those of a second.
//!
//! The text is base64 (without padding) of a zlib stream. In it, one after the other, the histograms as [`Latency::pack`]
//! writes them. Compressed together they take half of what they take one by one: a second's histograms are much alike.

use std::io::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use flate2::write::ZlibEncoder;
use flate2::{Compression, Decompress, FlushDecompress, Status};

use crate::record::latency::{self, Cell, Latency, LatencyCells, UnpackError};

/// A bundle never unpacks to more than this: a hostile file must not fill the memory.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// Room for a stream of so many bytes is kept: a second of two hundred instances takes a quarter of it.
const KEPT_BYTES: usize = 4 * 1024 * 1024;

/// Room for so many cells is kept.
const KEPT_CELLS: usize = KEPT_BYTES / 4;

/// Why a bundle cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
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

/// Unpacks bundles, one after the other. It keeps the room that this takes, so that a bundle costs no allocation.
#[derive(Debug)]
pub struct Unpacker {
    inflater: Decompress,
    compressed: Vec<u8>,
    /// Room for the inflated stream; what is in it beyond the stream is of an earlier one.
    bytes: Vec<u8>,
    /// The cells of all histograms, each ascending.
    cells: Vec<Cell>,
    /// Of each histogram where its cells end, and its exact maximum.
    histograms: Vec<(usize, u64)>,
}

impl Default for Unpacker {
    fn default() -> Self {
        Self {
            inflater: Decompress::new(true),
            compressed: Vec::new(),
            bytes: Vec::new(),
            cells: Vec::new(),
            histograms: Vec::new(),
        }
    }
}

impl Unpacker {
    /// The first `count` histograms of what [`pack`] wrote; of no bundle, empty ones. Nothing of a damaged bundle is given.
    pub(crate) fn unpack(&mut self, text: Option<&str>, count: usize) -> Result<Unpacked<'_>, BundleError> {
        self.cells.clear();
        self.histograms.clear();
        // What one extraordinary bundle took is not kept for ever.
        self.cells.shrink_to(KEPT_CELLS);
        if self.bytes.len() > KEPT_BYTES {
            self.bytes = Vec::new();
        }
        if let Some(text) = text {
            self.compressed.clear();
            BASE64.decode_vec(text, &mut self.compressed)?;
            let len = self.inflate()?;
            let mut rest = &self.bytes[..len];
            for _ in 0..count {
                let max_micros = latency::unpack_cells(&mut rest, &mut self.cells)?;
                self.histograms.push((self.cells.len(), max_micros));
            }
        } else {
            self.histograms.resize(count, (0, 0));
        }
        Ok(Unpacked { cells: &self.cells, histograms: &self.histograms })
    }

    /// Inflates `compressed` into `bytes`; how many they are.
    fn inflate(&mut self) -> Result<usize, BundleError> {
        // In one piece, which needs no window besides. Where the room is too small it is done again in more.
        let likely = self.compressed.len().saturating_mul(8).clamp(4096, MAX_BYTES);
        if self.bytes.len() < likely {
            self.bytes.resize(likely, 0);
        }
        loop {
            self.inflater.reset(true);
            let status = self
                .inflater
                .decompress(&self.compressed, &mut self.bytes, FlushDecompress::Finish)
                .map_err(std::io::Error::from)?;
            let len = usize::try_from(self.inflater.total_out()).unwrap_or(usize::MAX);
            if status == Status::StreamEnd {
                return Ok(len);
            }
            let (is_full, larger) = (len >= self.bytes.len(), self.bytes.len().saturating_mul(4).min(MAX_BYTES));
            if !is_full {
                return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into());
            }
            if larger == self.bytes.len() {
                return Err(std::io::Error::from(std::io::ErrorKind::FileTooLarge).into());
            }
            self.bytes.resize(larger, 0);
        }
    }
}

/// The histograms of a bundle, in order, in an [`Unpacker`]'s room.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unpacked<'a> {
    cells: &'a [Cell],
    histograms: &'a [(usize, u64)],
}

impl<'a> Unpacked<'a> {
    /// One after the other.
    pub(crate) fn iter(self) -> impl Iterator<Item = LatencyCells<'a>> {
        let starts = std::iter::once(0).chain(self.histograms.iter().map(|&(end, _)| end));
        starts
            .zip(self.histograms)
            .map(move |(start, &(end, max_micros))| LatencyCells { cells: &self.cells[start..end], max_micros })
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

    fn unpacked(room: &mut Unpacker, text: Option<&str>, count: usize) -> Vec<Latency> {
        room.unpack(text, count).unwrap().iter().map(Latency::from).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))] // each case fills histograms that reach to ten minutes
        #[test]
        fn what_is_packed_is_unpacked_whatever_the_room_held_before(
            bundles in prop::collection::vec(prop::collection::vec(prop::collection::vec(1_u64..900_000_000, 0..60), 0..6), 0..4)
        ) {
            let mut room = Unpacker::default();
            for bundle in bundles {
                let latencies: Vec<_> = bundle.iter().map(|values| of(values)).collect();
                let text = pack(latencies.iter());
                prop_assert_eq!(unpacked(&mut room, text.as_deref(), latencies.len()), latencies);
            }
        }

        #[test]
        fn damaged_text_is_an_error_and_never_a_panic(text in "[A-Za-z0-9+/]{0,80}") {
            let mut room = Unpacker::default();
            let _ = room.unpack(Some(&text), 3);
            let good = [of(&[80_000])];
            prop_assert_eq!(unpacked(&mut room, pack(good.iter()).as_deref(), 1), good);
        }

        #[test]
        fn a_bundle_that_is_cut_off_anywhere_is_an_error(values in prop::collection::vec(1_u64..900_000_000, 1..60), share in 0.0..1.0_f64) {
            let packed = BASE64.decode(pack([of(&values)].iter()).unwrap()).unwrap();
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "less than the length")]
            let text = BASE64.encode(&packed[..(share * packed.len() as f64) as usize]);
            prop_assert!(Unpacker::default().unpack(Some(&text), 1).is_err());
        }
    }

    #[test]
    fn a_bundle_that_holds_fewer_histograms_is_an_error() {
        let text = pack([&of(&[80_000])].into_iter()).unwrap();
        let mut room = Unpacker::default();
        assert!(room.unpack(Some(&text), 1).is_ok());
        assert!(matches!(room.unpack(Some(&text), 2), Err(BundleError::Histogram(UnpackError::Short))));
    }

    #[test]
    fn a_stream_that_is_far_longer_than_its_bundle_is_inflated_up_to_the_bound() {
        let deflated = |len: usize| {
            let mut stream = ZlibEncoder::new(Vec::new(), Compression::default());
            stream.write_all(&vec![0; len]).unwrap();
            BASE64.encode(stream.finish().unwrap())
        };
        let mut room = Unpacker::default();
        // Zeros are empty histograms.
        assert_eq!(unpacked(&mut room, Some(&deflated(3_000_000)), 3_000_000).len(), 3_000_000);
        assert!(matches!(room.unpack(Some(&deflated(MAX_BYTES + 1)), 1), Err(BundleError::Stream(_))));
        assert_eq!(unpacked(&mut room, Some(&deflated(9)), 9).len(), 9);
        assert!(room.bytes.len() <= KEPT_BYTES, "what that took is not kept");
    }
}
