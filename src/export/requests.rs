//! `requests.csv`: a row a second for each of several requests. There is no such file where a session sends only one.

use std::path::Path;

use crate::export::ExportError;
use crate::export::columns::when;
use crate::export::draft::CsvDraft;
use crate::export::text::{foreign, millis};
use crate::session::state::Session;
use scaletop_load::{OutcomeKind, RequestPart, Second};

/// The name of the file.
pub(super) const NAME: &str = "requests.csv";

/// Its columns: those of `timeline.csv` with the same names, as far as one of several requests has them.
const COLUMNS: [&str; 14] = [
    "time_utc",
    "elapsed_s",
    "request",
    "due",
    "sent",
    "completed",
    "ok",
    "failed",
    "dropped",
    "p50_ms",
    "p90_ms",
    "p99_ms",
    "max_ms",
    "failed_p99_ms",
];

/// The file in the making.
pub(super) struct RequestRows(Option<CsvDraft>);

impl RequestRows {
    pub(super) fn create(folder: &Path, session: &Session) -> Result<Self, ExportError> {
        let is_wanted = !session.header().settings.requests.is_empty();
        Ok(Self(is_wanted.then(|| CsvDraft::create(folder, NAME, &COLUMNS)).transpose()?))
    }

    /// Writes what completed in a second, by request.
    pub(super) fn take(&mut self, session: &Session, second: &Second) -> Result<(), ExportError> {
        let Some(out) = &mut self.0 else { return Ok(()) };
        for parts in second.requests.chunk_by(|one, next| one.name == next.name) {
            out.row(&row(session, second, parts))?;
        }
        Ok(())
    }

    pub(super) fn finish(self) -> Result<(), ExportError> {
        self.0.map_or(Ok(()), CsvDraft::finish)
    }
}

/// A row: what was filed in a second of one request, whatever second it was intended in.
fn row(session: &Session, second: &Second, parts: &[RequestPart]) -> Vec<String> {
    let mut all = RequestPart::new(parts[0].name.clone(), second.index);
    for part in parts {
        all.merge(part);
    }
    let mut fields = when(session, second.start());
    fields.push(foreign(all.name.as_str()));
    let (total, ok) = (all.outcomes.total(), all.outcomes.get(OutcomeKind::Ok));
    fields.extend([all.due, all.sent, total, ok, total - ok, all.dropped].map(|count| count.to_string()));
    fields.extend([0.5, 0.9, 0.99].map(|quantile| millis(all.ok.quantile(quantile))));
    fields.extend([millis(all.ok.max()), millis(all.failed.quantile(0.99))]);
    fields
}
