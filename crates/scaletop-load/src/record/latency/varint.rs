//! Numbers of 7 bits a byte, the lowest first; the top bit says that more follow (LEB128).

use crate::record::latency::UnpackError;

/// Appends `value`.
pub(super) fn write(bytes: &mut Vec<u8>, mut value: u64) {
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            return bytes.push(low);
        }
        bytes.push(low | 0x80);
    }
}

/// Takes a number off the front of `bytes`.
pub(super) fn read(bytes: &mut &[u8]) -> Result<u64, UnpackError> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first().ok_or(UnpackError::Short)?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
    }
    Err(UnpackError::Alien)
}
