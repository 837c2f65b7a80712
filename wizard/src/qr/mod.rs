//! QR codes: made here, drawn on a screen ([`screen`]) or as a picture ([`picture`]), and read from pictures ([`scan`]).
//!
//! A setup link is made for this: its payload is in the characters that a QR code packs most tightly, so the link of a usual
//! host is small enough for a terminal of 80 columns and 24 rows.

pub mod picture;
pub mod scan;
pub mod screen;

use std::fmt::Write as _;

use qrcode::{EcLevel, QrCode};
use zeroize::Zeroizing;

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

    /// One for paper, which has folds and stains: a quarter of it may be lost.
    pub fn for_paper(text: &str) -> Result<Self, TooLong> {
        QrCode::with_error_correction_level(text, EcLevel::Q).map(Self).map_err(|_| TooLong)
    }

    /// The code as a drawing (SVG) to stand within a page, with the white around it.
    pub fn drawing(&self) -> Zeroizing<String> {
        let side = self.width() + 2 * QUIET_ZONE;
        // With room for all of it: a text that grows leaves its former self in memory.
        let mut drawing = Zeroizing::new(String::with_capacity(side * side * 12 + 256));
        let _ = write!(
            drawing,
            "<svg viewBox=\"0 0 {side} {side}\" shape-rendering=\"crispEdges\" \
             role=\"img\" aria-label=\"QR code of the setup link\"><path fill=\"#000\" d=\""
        );
        for y in 0..side {
            for x in (0..side).filter(|x| self.is_dark(*x, y, QUIET_ZONE)) {
                let _ = write!(drawing, "M{x} {y}h1v1h-1z");
            }
        }
        drawing.push_str("\"/></svg>");
        drawing
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
