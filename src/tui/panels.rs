//! The parts that views are made of: one panel a file.

pub(crate) mod bar;
pub(crate) mod both;
pub(crate) mod charts;
pub(crate) mod fleet;
pub(crate) mod footer;
pub(crate) mod header;
pub(crate) mod help;
pub(crate) mod lanes;
pub(crate) mod side;
pub(crate) mod sides;
pub(crate) mod steps;
pub(crate) mod steps_beside;
pub(crate) mod toast;
pub(crate) mod welcome;
