//! Which answers are OK: the statuses that whoever asks expects.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// The statuses of HTTP.
const STATUSES: RangeInclusive<u16> = 100..=599;

/// The statuses that count as OK: `2xx` unless said otherwise.
///
/// ```
/// use scaletop_load::Expected;
///
/// let expected: Expected = "200, 404, 3xx".parse()?;
/// assert!(expected.holds(404) && expected.holds(302) && !expected.holds(204));
/// assert_eq!(expected.to_string(), "200,3xx,404");
/// # Ok::<(), scaletop_load::ExpectedError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expected([u64; 8]);

/// Why a list of statuses cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpectedError {
    /// No status at all.
    #[error("it names no status: give one like 200, several with commas, or a class like 2xx")]
    Empty,
    /// Not a status, not a class and not a range.
    #[error("`{0}` is no status: give 200 to 599, a class like 2xx, or a range like 200-204")]
    Status(String),
    /// A status from 100 to 199, or a range that has one.
    #[error(
        "`{0}` is never the answer: what begins with 1 only announces one (101 a change of protocol, which is not asked for); give 200 to 599"
    )]
    Interim(String),
}

impl Expected {
    /// Whether `status` is expected.
    pub fn holds(&self, status: u16) -> bool {
        place(status).is_some_and(|(word, bit)| self.0[word] & bit != 0)
    }

    fn add(&mut self, statuses: RangeInclusive<u16>) {
        for (word, bit) in statuses.filter_map(place) {
            self.0[word] |= bit;
        }
    }
}

/// Where a status stands; `None` for what is none.
fn place(status: u16) -> Option<(usize, u64)> {
    let at = STATUSES.contains(&status).then(|| status - STATUSES.start())?;
    Some((usize::from(at / 64), 1 << (at % 64)))
}

impl Default for Expected {
    /// `2xx`.
    fn default() -> Self {
        let mut all = Self([0; 8]);
        all.add(200..=299);
        all
    }
}

impl FromStr for Expected {
    type Err = ExpectedError;

    /// Reads `200`, `200,404`, `2xx,3xx`, `200-204`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut all = Self([0; 8]);
        for word in text.split(',').map(str::trim).filter(|word| !word.is_empty()) {
            let told = || word.chars().take(40).collect::<String>();
            let statuses = range(word).ok_or_else(|| ExpectedError::Status(told()))?;
            if *statuses.start() < 200 {
                return Err(ExpectedError::Interim(told()));
            }
            all.add(statuses);
        }
        if all == Self([0; 8]) { Err(ExpectedError::Empty) } else { Ok(all) }
    }
}

fn range(word: &str) -> Option<RangeInclusive<u16>> {
    if let [class @ b'1'..=b'5', b'x' | b'X', b'x' | b'X'] = word.as_bytes() {
        let first = u16::from(class - b'0') * 100;
        return Some(first..=first + 99);
    }
    let is_status = |text: &&str| text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    let status =
        |text: &str| Some(text.trim()).filter(is_status)?.parse().ok().filter(|status| STATUSES.contains(status));
    match word.split_once('-') {
        Some((first, last)) => Some(status(first)?..=status(last)?).filter(|range| !range.is_empty()),
        None => status(word).map(|status| status..=status),
    }
}

impl fmt::Display for Expected {
    /// Ascending, whole classes by their name: `200,3xx,404`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = Vec::new();
        for class in 1..=5_u16 {
            let (first, end) = (class * 100, class * 100 + 100);
            let mut status = first;
            while status < end {
                let run = (status..end).take_while(|&status| self.holds(status)).count();
                let next = status + u16::try_from(run).unwrap_or(100);
                match next - status {
                    0 => {}
                    1 => words.push(status.to_string()),
                    100 => words.push(format!("{class}xx")),
                    _ => words.push(format!("{status}-{}", next - 1)),
                }
                status = next + 1;
            }
        }
        f.write_str(&words.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_classes_and_ranges_are_read_and_written() {
        for text in ["200", "200,404", "2xx,3xx", "200-204,5xx", "200,599"] {
            assert_eq!(text.parse::<Expected>().unwrap().to_string(), text);
        }
        assert_eq!(" 404 , 2XX,200,".parse::<Expected>().unwrap().to_string(), "2xx,404");
        assert_eq!("299-301".parse::<Expected>().unwrap().to_string(), "299,300-301");
        assert_eq!(Expected::default().to_string(), "2xx");
    }

    #[test]
    fn what_is_no_status_is_refused() {
        for text in ["ok", "20", "600", "2x", "299-200", "6xx", "200;404", "-", "99-200", "+200", "0200"] {
            assert!(matches!(text.parse::<Expected>(), Err(ExpectedError::Status(_))), "{text}");
        }
        for text in ["1xx", "100", "101", "200,103", "199-299"] {
            assert!(matches!(text.parse::<Expected>(), Err(ExpectedError::Interim(_))), "{text}");
        }
        for text in ["", " , "] {
            assert_eq!(text.parse::<Expected>(), Err(ExpectedError::Empty));
        }
    }
}
