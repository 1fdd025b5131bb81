//! scaletop
