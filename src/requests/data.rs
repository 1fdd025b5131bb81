//! Rows of data: a CSV file whose first row names its columns.

use std::path::Path;

use super::{RequestsError, text};

/// The columns, and the rows.
pub(super) fn read(path: &Path) -> Result<(Vec<String>, Vec<Vec<String>>), RequestsError> {
    let text = text(path)?;
    let of_file = |why: String| RequestsError::File { path: path.to_owned(), why };
    let mut reader = csv::ReaderBuilder::new().from_reader(text.trim_start_matches('\u{feff}').as_bytes());
    let at_line = |error: csv::Error| {
        let line = error.position().map_or(1, |at| usize::try_from(at.line()).unwrap_or(0));
        let why = match error.kind() {
            csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
                format!("the row has {len} values, and there are {expected_len} columns")
            }
            _ => error.to_string(),
        };
        RequestsError::Line { path: path.to_owned(), line, why }
    };
    let columns: Vec<String> = reader.headers().map_err(at_line)?.iter().map(|name| name.trim().to_owned()).collect();
    if columns.iter().all(String::is_empty) {
        return Err(of_file("it is empty; the first row names the columns, and the others are the data".to_owned()));
    }
    if let Some((_, twice)) = columns.iter().enumerate().find(|(at, name)| columns[..*at].contains(name)) {
        return Err(of_file(format!("two columns are called `{}`", twice.escape_debug())));
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        rows.push(record.map_err(at_line)?.iter().map(str::to_owned).collect());
    }
    if rows.is_empty() {
        return Err(of_file("it has a row of names and no data; write a row for each set of values".to_owned()));
    }
    Ok((columns, rows))
}
