//! What is said of a step, and what is not.
