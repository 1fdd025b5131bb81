//! The load engine in virtual time, against a transport that never touches a socket.

mod deeds;
mod draining;
mod rig;
mod room;
mod seconds;
mod workers;
