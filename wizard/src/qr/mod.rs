//! QR codes: made here, drawn on a screen ([`screen`]) or as a picture ([`picture`]), and read from pictures ([`scan`]).
//!
//! A setup link is made for this: its payload is in the characters that a QR code packs most tightly, so the link of a usual
//! host is small enough for a terminal of 80 columns and 24 rows.

pub mod picture;
pub mod scan;
pub mod screen;

use qrcode::{EcLevel, QrCode};

use crate::error::Explain;

/// Modules of white around a code, by the standard (ISO/IEC 18004).
pub const QUIET_ZONE: usize = 4;

/// A QR code.
pub struct Code(QrCode);

/// The text is longer than any QR code can hold.
#[derive(Debug, thiserror::Error)]
#[error("this is too long for a QR code")]
pub struct TooLong;

impl Explain for TooLong {
    fn hint(&self) -> Option<String> {
        Some("run `taskferry share` and carry the link over in another way".into())
    }
}

impl Code {
    /// The smallest code for `text`: with the least error correction, since a screen has no scratches, and with a segment of
    /// its own for each kind of character.
    pub fn of(text: &str) -> Result<Self, TooLong> {
        QrCode::with_error_correction_level(text, EcLevel::L).map(Self).map_err(|_| TooLong)
    }

    /// Modules in a row, without the white around.
    pub fn width(&self) -> usize {
        self.0.width()
    }

    /// Whether the module at this place is dark; everything around the code is light. Counted from the corner of a frame that
    /// is `quiet` modules wide.
    fn is_dark(&self, x: usize, y: usize, quiet: usize) -> bool {
        let inside = quiet..quiet + self.width();
        inside.contains(&x) && inside.contains(&y) && self.0[(x - quiet, y - quiet)] == qrcode::Color::Dark
    }
}
