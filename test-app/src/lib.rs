//! The service that scaletop measures.
