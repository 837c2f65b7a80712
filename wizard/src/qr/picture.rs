//! A QR code as a file: PNG for messengers and printers, SVG for everything that scales. Made readable by its owner alone,
//! and never in the place of another file: a picture of a setup link is as good as the link.

use std::io::{self, Cursor, Write as _};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use image::{GrayImage, ImageFormat, Luma};
use qrcode::render::svg;
use zeroize::Zeroizing;

use super::{Code, QUIET_ZONE};
use crate::error::Explain;

/// Pixels of a module's side: sharp on paper, and still small in a chat.
const PIXELS_A_MODULE: usize = 8;

/// Which kind of picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Pixels.
    Png,
    /// Shapes.
    Svg,
}

/// Why there is no picture.
#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    /// Something stands there already.
    #[error("`{}` exists already", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The operating system said no.
    #[error("could not write `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        why: io::Error,
    },
}

impl Explain for PictureError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Exists { .. } => "name another file, or remove that one; it was not changed".into(),
            Self::Write { .. } => "name a file in a folder that you can write to, such as your home".into(),
        })
    }
}

/// Writes the picture to a new file.
pub fn write(code: &Code, format: Format, path: &Path) -> Result<(), PictureError> {
    let failed = |why| PictureError::Write { path: path.into(), why };
    let bytes = match format {
        Format::Png => png(code).map_err(failed)?,
        Format::Svg => drawing(code),
    };
    write_new(path, &bytes)
}

/// Writes a file that was not there before, readable by its owner alone.
pub(crate) fn write_new(path: &Path, bytes: &[u8]) -> Result<(), PictureError> {
    let failed = |why| PictureError::Write { path: path.into(), why };
    let mut file = match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(file) => file,
        Err(why) if why.kind() == io::ErrorKind::AlreadyExists => {
            return Err(PictureError::Exists { path: path.into() });
        }
        Err(why) => return Err(failed(why)),
    };
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(|why| {
        // Half a picture is of no use, and its name would be taken.
        let _ = std::fs::remove_file(path);
        failed(why)
    })
}

fn png(code: &Code) -> io::Result<Zeroizing<Vec<u8>>> {
    let modules = code.width() + 2 * QUIET_ZONE;
    // The largest code has 177 modules.
    let side = u32::try_from(modules * PIXELS_A_MODULE).map_err(io::Error::other)?;
    let picture = GrayImage::from_fn(side, side, |x, y| {
        let module = |pixel: u32| pixel as usize / PIXELS_A_MODULE;
        Luma([if code.is_dark(module(x), module(y), QUIET_ZONE) { 0 } else { 255 }])
    });
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Png).map_err(io::Error::other)?;
    Ok(Zeroizing::new(bytes.into_inner()))
}

fn drawing(code: &Code) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(code.0.render::<svg::Color<'_>>().quiet_zone(true).build().into_bytes())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::qr::scan;

    #[test]
    fn a_picture_is_read_back_and_only_its_owner_can() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("link.png");
        write(&Code::of("https://a.example/j#AEAQ").unwrap(), Format::Png, &path).unwrap();
        assert_eq!(scan::file(&path).unwrap(), ["https://a.example/j#AEAQ"]);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn no_file_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("holiday.png");
        std::fs::write(&path, "the sea").unwrap();
        let error = write(&Code::of("x").unwrap(), Format::Png, &path).unwrap_err();
        assert!(matches!(error, PictureError::Exists { .. }));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "the sea");
        let nowhere = write(&Code::of("x").unwrap(), Format::Svg, &folder.path().join("no/such.svg")).unwrap_err();
        assert!(matches!(nowhere, PictureError::Write { .. }));
    }

    /// Every dark module is a square of its own in the path; drawn on a grid again, a camera reads them.
    #[test]
    fn a_drawing_has_the_modules_of_the_code() {
        let code = Code::of("https://a.example/j#AEAQ").unwrap();
        let drawing = String::from_utf8(drawing(&code).to_vec()).unwrap();
        assert!(drawing.starts_with("<?xml") && drawing.contains("viewBox"), "{drawing}");
        let places = (0..code.width()).flat_map(|y| (0..code.width()).map(move |x| (x, y)));
        let modules = places.filter(|(x, y)| code.is_dark(*x, *y, 0)).count();
        assert_eq!(drawing.matches('M').count(), modules, "{drawing}");
    }
}
