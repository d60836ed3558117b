//! Text that is cut where it does not fit. Nothing here allocates: a report may come from an allocation.

use core::ffi::CStr;
use core::fmt::{self, Write};

/// Up to `N` - 1 bytes of text, and a NUL.
#[derive(Clone, Copy)]
pub struct Cut<const N: usize> {
    bytes: [u8; N],
    used: usize,
}

impl<const N: usize> Cut<N> {
    /// No text.
    pub const fn new() -> Self {
        Self {
            bytes: [0; N],
            used: 0,
        }
    }

    /// The text, for C: up to the first NUL in it.
    pub fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.bytes).unwrap_or_default()
    }

    /// The text, without a character that was cut.
    pub fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..self.used).unwrap_or_default();
        let whole = match core::str::from_utf8(bytes) {
            Ok(_) => bytes,
            Err(error) => bytes.get(..error.valid_up_to()).unwrap_or_default(),
        };
        core::str::from_utf8(whole).unwrap_or_default()
    }
}

/// Never fails.
impl<const N: usize> Write for Cut<N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // The last byte stays 0.
        let room = self
            .bytes
            .get_mut(self.used..N.saturating_sub(1))
            .unwrap_or_default();
        for (to, from) in room.iter_mut().zip(text.bytes()) {
            *to = from;
            self.used = self.used.saturating_add(1);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_cut_and_a_nul_follows() {
        let mut text = Cut::<8>::new();
        assert_eq!(text.as_str(), "");
        write!(text, "{}-{}", 1234, 5678).unwrap();
        assert_eq!(text.as_str(), "1234-56");
        assert_eq!(text.as_c_str(), c"1234-56");
        text.write_str("more").unwrap();
        assert_eq!(text.as_str(), "1234-56");
    }

    #[test]
    fn a_character_that_was_cut_is_left_out() {
        let mut text = Cut::<4>::new();
        text.write_str("aaé").unwrap();
        assert_eq!(text.as_str(), "aa");
    }
}
