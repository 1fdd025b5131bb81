//! `latency.hlog`: the latencies of every second in the format of HdrHistogram's own log writer, which its tools read.
//!
//! Histograms a second, in microseconds, of what completed in it: of the OK answers `response` (completed − due) and
//! `service` (completed − sent), of the others `failed` and `failed-service`. An empty one is left out. `response` and
//! `failed` together are all requests, each once: readers that do not tell tags apart need one taken out first
//! (docs/latency-log.md). Base time is the start of the session.

use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use flate2::{Compress, Compression, FlushCompress, Status};
use hdrhistogram::{Counter, Histogram};

use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, IntervalLogWriterError, Tag};
use hdrhistogram::serialization::{Serializer, V2Serializer};

use crate::session::event::Header;
use crate::timeline::Completed;

/// Begins every histogram in the compressed V2 encoding: the base 0x1c849304, with 0x10 for one-byte (LEB128) words.
const COMPRESSED_COOKIE: u32 = 0x1c84_9314;

/// Writes what every log begins with.
pub(super) fn begin(out: &mut impl Write, encoder: &mut Encoder, header: &Header) -> io::Result<()> {
    let start = SystemTime::UNIX_EPOCH + Duration::from_micros(u64::try_from(header.started_unix_micros).unwrap_or(0));
    out.write_all(b"#[Histogram log format version 1.3]\n")?;
    IntervalLogWriterBuilder::new()
        .add_comment("Logged by scaletop: microseconds, a histogram a second and tag; max is in microseconds too")
        .with_start_time(start)
        .with_base_time(start)
        .begin_log_with(out, encoder)?;
    out.write_all(b"\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n")
}

/// Writes the histograms of one second.
pub(super) fn second(
    out: &mut impl Write,
    encoder: &mut Encoder,
    second: u32,
    completed: &Completed,
) -> io::Result<()> {
    // A builder without any header: the log goes on where it was.
    let mut log = IntervalLogWriterBuilder::new().begin_log_with(out, encoder)?;
    let all = [
        ("response", &completed.ok),
        ("service", &completed.service),
        ("failed", &completed.failed),
        ("failed-service", &completed.failed_service),
    ];
    for (tag, latency) in all {
        let Some(cells) = latency.histogram() else { continue };
        let start = Duration::from_secs(u64::from(second));
        log.write_histogram(&*cells, start, Duration::from_secs(1), Tag::new(tag)).map_err(|error| match error {
            IntervalLogWriterError::IoError(error) | IntervalLogWriterError::SerializeError(error) => error,
        })?;
    }
    Ok(())
}

/// The V2 encoding with deflate, as the crate's own encoder writes it, but with one compressor for all: it takes some
/// hundred kilobytes, and to make one for each of a day's 172,800 histograms took longer than to compress them.
pub(super) struct Encoder {
    plain: V2Serializer,
    compress: Compress,
    bytes: Vec<u8>,
    packed: Vec<u8>,
}

impl Encoder {
    /// Ready for the first histogram.
    pub(super) fn new() -> Self {
        let compress = Compress::new(Compression::default(), true);
        Self { plain: V2Serializer::new(), compress, bytes: Vec::new(), packed: Vec::new() }
    }
}

impl Serializer for Encoder {
    type SerializeError = io::Error;

    fn serialize<T: Counter, W: Write>(&mut self, cells: &Histogram<T>, out: &mut W) -> io::Result<usize> {
        self.bytes.clear();
        self.plain.serialize(cells, &mut self.bytes).map_err(io::Error::other)?;
        self.compress.reset();
        self.packed.clear();
        // Room for what cannot be compressed: stored blocks add five bytes to every 16 KiB.
        self.packed.reserve(self.bytes.len() + self.bytes.len() / 1_000 + 64);
        let status = self.compress.compress_vec(&self.bytes, &mut self.packed, FlushCompress::Finish)?;
        if status != Status::StreamEnd {
            return Err(io::Error::other("a histogram did not fit its buffer"));
        }
        let len = u32::try_from(self.packed.len()).map_err(io::Error::other)?;
        out.write_all(&COMPRESSED_COOKIE.to_be_bytes())?;
        out.write_all(&len.to_be_bytes())?;
        out.write_all(&self.packed)?;
        Ok(self.packed.len() + 8)
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use hdrhistogram::serialization::Deserializer;
    use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

    use super::*;
    use crate::session::event::Settings;
    use scaletop_load::Latency;

    fn latencies(millis: &[u64]) -> Latency {
        let mut latency = Latency::new();
        for &value in millis {
            latency.record(Duration::from_millis(value));
        }
        latency
    }

    #[test]
    fn what_is_logged_is_read_back_with_its_tags_and_times() {
        let mut out = Vec::new();
        let started_unix_micros = 1_764_000_000_000_000;
        let header = Header::new(started_unix_micros, Settings::default());
        let mut encoder = Encoder::new();
        begin(&mut out, &mut encoder, &header).unwrap();
        let (ok, service) = (latencies(&[80, 90, 5_000]), latencies(&[79]));
        let completed = Completed { ok, service, failed: latencies(&[1, 2]), ..Completed::default() };
        second(&mut out, &mut encoder, 3, &completed).unwrap();
        second(&mut out, &mut encoder, 5, &Completed::default()).unwrap();
        let text = String::from_utf8(out.clone()).unwrap();
        assert!(text.contains("#[StartTime: 1764000000.000 (seconds since epoch)]"), "{text}");
        // The reader of the crate does not know the legend that the Java writer adds, and other readers expect.
        let text =
            text.lines().filter(|line| !line.starts_with('"')).fold(String::new(), |all, line| all + line + "\n");
        let entries: Vec<_> = IntervalLogIterator::new(text.as_bytes()).map(Result::unwrap).collect();
        let logged: Vec<_> = entries
            .iter()
            .filter_map(|entry| match entry {
                LogEntry::Interval(interval) => Some(interval),
                _ => None,
            })
            .collect();
        assert_eq!(
            logged.iter().map(|l| l.tag().unwrap().as_str()).collect::<Vec<_>>(),
            ["response", "service", "failed"]
        );
        assert_eq!(
            (logged[0].start_timestamp(), logged[0].duration()),
            (Duration::from_secs(3), Duration::from_secs(1))
        );
        let bytes = base64::engine::general_purpose::STANDARD.decode(logged[0].encoded_histogram()).unwrap();
        let cells: Histogram<u32> = Deserializer::new().deserialize(&mut bytes.as_slice()).unwrap();
        assert_eq!(
            (cells.len(), cells.value_at_quantile(0.5)),
            (3, latencies(&[80, 90, 5_000]).quantile(0.5).map(|d| u64::try_from(d.as_micros()).unwrap()).unwrap())
        );
    }
}
