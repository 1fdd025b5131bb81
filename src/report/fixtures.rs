//! Values for the tests of this folder.

use crate::timeline::Row;

/// A second in which nothing happened.
pub(crate) fn row() -> Row {
    Row { span: 1, ..Row::default() }
}
