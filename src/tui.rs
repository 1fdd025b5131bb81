//! Drawing: a pure function of the state.
