//! Which key does what: one table.
