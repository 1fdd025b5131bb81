//! scaletop
fn main() {}
