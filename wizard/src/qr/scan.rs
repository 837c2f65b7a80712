//! Finds QR codes in a picture: a screenshot, a photograph, or a file that `taskferry share` wrote. A picture comes from
//! outside, so its size is bounded before anything of it is unpacked, and the search in it by time.

use std::io::{self, Cursor, Read as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use image::{ImageError, ImageReader, Limits};
use rqrr::PreparedImage;

use crate::error::Explain;

/// Bytes of a file that is looked at; a photograph has some ten million.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Pixels of a side; cameras have up to 12,000.
const SIDE_PIXELS_MAX: u32 = 16_384;
/// Bytes that unpacking may take: a photograph of 80 million pixels.
const UNPACKED_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// How long codes are looked for. They are found in a moment; but the corners of a code are searched for in all combinations, and a
/// picture of a kilobyte can have so many that this would take days.
const SEARCH_MAX: Duration = Duration::from_secs(30);

/// Why nothing could be read from a picture.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// The file itself.
    #[error("could not read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        why: io::Error,
    },
    /// Too many bytes or pixels.
    #[error("`{}` is too large to look for a QR code in it", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// Another kind of file, or a damaged one.
    #[error("`{}` is not a picture that can be read: PNG and JPEG can", path.display())]
    NotAPicture {
        /// The file.
        path: PathBuf,
    },
    /// Too much that looks like a part of a code.
    #[error("there is too much in `{}` to find a QR code among it", path.display())]
    TooMuch {
        /// The file.
        path: PathBuf,
    },
    /// A picture of something else.
    #[error("there is no QR code to be seen in `{}`", path.display())]
    NoCode {
        /// The file.
        path: PathBuf,
    },
}

impl Explain for ScanError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Read { .. } => "check the name of the file".into(),
            Self::TooLarge { .. } | Self::TooMuch { .. } => {
                "cut the picture so that it shows the QR code and little else".into()
            }
            Self::NotAPicture { .. } => "save it as PNG, or take a screenshot of the QR code".into(),
            Self::NoCode { .. } => {
                "take the picture again: the whole code, sharp, from the front, with the white around it\n\
                 or run `taskferry share` on the first computer and paste its link"
                    .into()
            }
        })
    }
}

/// The texts of all QR codes in a picture; at least one.
pub fn file(path: &Path) -> Result<Vec<String>, ScanError> {
    let read = |why| ScanError::Read { path: path.into(), why };
    let file = std::fs::File::open(path).map_err(read)?;
    if !file.metadata().map_err(read)?.is_file() {
        return Err(read(io::Error::other("it is not a file")));
    }
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(read)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(ScanError::TooLarge { path: path.into() });
    }
    let mut reader = ImageReader::new(Cursor::new(bytes));
    let mut limits = Limits::default();
    limits.max_image_width = Some(SIDE_PIXELS_MAX);
    limits.max_image_height = Some(SIDE_PIXELS_MAX);
    limits.max_alloc = Some(UNPACKED_BYTES_MAX);
    reader.limits(limits);
    let picture = reader.with_guessed_format().map_err(read)?.decode().map_err(|why| match why {
        ImageError::Limits(_) => ScanError::TooLarge { path: path.into() },
        _ => ScanError::NotAPicture { path: path.into() },
    })?;
    let gray = picture.into_luma8();
    let (width, height) = (gray.width() as usize, gray.height() as usize);
    let pixels = gray.into_raw();
    let search = move || texts(width, height, |x, y| pixels[y * width + x]);
    let texts = within(SEARCH_MAX, search).ok_or_else(|| ScanError::TooMuch { path: path.into() })?;
    if texts.is_empty() {
        return Err(ScanError::NoCode { path: path.into() });
    }
    Ok(texts)
}

/// What a search found, unless it takes too long. Then it is left alone on its thread, which ends with the program.
fn within<T: Send + Default + 'static>(limit: Duration, search: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (found, waited_for) = mpsc::channel();
    std::thread::spawn(move || found.send(search()));
    match waited_for.recv_timeout(limit) {
        Ok(found) => Some(found),
        Err(mpsc::RecvTimeoutError::Timeout) => None,
        // It stumbled.
        Err(mpsc::RecvTimeoutError::Disconnected) => Some(T::default()),
    }
}

/// The texts of all QR codes among these pixels (0 = black); light on dark too, as in the screenshot of a dark terminal.
pub(super) fn texts(width: usize, height: usize, pixel: impl Fn(usize, usize) -> u8) -> Vec<String> {
    let found = |mut picture: PreparedImage<_>| -> Vec<String> {
        let grids = picture.detect_grids().into_iter();
        grids.filter_map(|grid| grid.decode().ok()).map(|(_, text)| text).collect()
    };
    let mut texts = found(PreparedImage::prepare_from_greyscale(width, height, &pixel));
    for text in found(PreparedImage::prepare_from_greyscale(width, height, |x, y| 255 - pixel(x, y))) {
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    texts
}

#[cfg(test)]
mod tests {
    use image::{DynamicImage, GrayImage, Luma};
    use proptest::prelude::*;

    use super::*;
    use crate::qr::{Code, QUIET_ZONE};

    #[test]
    fn a_search_that_does_not_end_is_given_up() {
        let (never, end) = mpsc::channel::<()>();
        let endless = move || end.recv().map_or_else(|_| vec![1], |()| vec![2]);
        assert_eq!(within(Duration::from_millis(1), endless), None);
        drop(never);
        assert_eq!(within(SEARCH_MAX, || vec![3]), Some(vec![3]));
    }

    /// A picture with these codes side by side, `scale` pixels a module.
    fn picture(texts: &[&str], scale: u32) -> GrayImage {
        let codes: Vec<Code> = texts.iter().map(|text| Code::of(text).unwrap()).collect();
        let side = codes.iter().map(|code| code.width() + 2 * QUIET_ZONE).max().unwrap();
        let pixels = |modules: usize| u32::try_from(modules).unwrap() * scale;
        GrayImage::from_fn(pixels(side * codes.len()), pixels(side), |x, y| {
            let (x, y) = ((x / scale) as usize, (y / scale) as usize);
            Luma([if codes[x / side].is_dark(x % side, y, QUIET_ZONE) { 20 } else { 230 }])
        })
    }

    fn saved(picture: &GrayImage, name: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        picture.save(&path).unwrap();
        (folder, path)
    }

    #[test]
    fn codes_are_read_from_png_and_jpeg_whatever_the_file_is_called() {
        for name in ["one.png", "one.jpg"] {
            let (folder, path) = saved(&picture(&["hello"], 5), name);
            assert_eq!(file(&path).unwrap(), ["hello"]);
            let renamed = folder.path().join("screenshot");
            std::fs::rename(path, &renamed).unwrap();
            assert_eq!(file(&renamed).unwrap(), ["hello"]);
        }
    }

    #[test]
    fn several_codes_are_all_read_and_so_is_one_in_white_on_black() {
        let (_folder, path) = saved(&picture(&["first", "second"], 4), "two.png");
        let mut texts = file(&path).unwrap();
        texts.sort();
        assert_eq!(texts, ["first", "second"]);

        let mut inverted = DynamicImage::from(picture(&["hello"], 4));
        inverted.invert();
        let (_folder, path) = saved(&inverted.into_luma8(), "dark.png");
        assert_eq!(file(&path).unwrap(), ["hello"]);
    }

    #[test]
    fn what_is_no_picture_of_a_code_is_told_apart() {
        let (folder, path) = saved(&GrayImage::from_pixel(40, 40, Luma([255])), "white.png");
        assert!(matches!(file(&path), Err(ScanError::NoCode { .. })));
        let text = folder.path().join("notes.png");
        std::fs::write(&text, "no picture").unwrap();
        assert!(matches!(file(&text), Err(ScanError::NotAPicture { .. })));
        assert!(matches!(file(folder.path()), Err(ScanError::Read { .. })));
        assert!(matches!(file(&folder.path().join("none.png")), Err(ScanError::Read { .. })));
    }

    #[test]
    fn a_picture_that_claims_to_be_huge_is_refused_unopened() {
        let (_folder, path) = saved(&GrayImage::from_pixel(8, 8, Luma([255])), "huge.png");
        let mut bytes = std::fs::read(&path).unwrap();
        // Width and height in the header chunk, and its checksum.
        bytes[16..24].copy_from_slice(&[0, 1, 0, 0, 0, 1, 0, 0]);
        let sum = crc32(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&sum.to_be_bytes());
        std::fs::write(&path, bytes).unwrap();
        assert!(matches!(file(&path), Err(ScanError::TooLarge { .. })));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn no_damage_to_a_picture_makes_the_scanner_stumble(at in any::<prop::sample::Index>(), byte: u8, jpeg: bool) {
            let (_folder, path) = saved(&picture(&["hello"], 2), if jpeg { "one.jpg" } else { "one.png" });
            let mut bytes = std::fs::read(&path).unwrap();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            std::fs::write(&path, &bytes).unwrap();
            let _ = file(&path);
            std::fs::write(&path, &bytes[..at]).unwrap();
            let _ = file(&path);
        }

        #[test]
        fn no_noise_makes_the_scanner_stumble(pixels in prop::collection::vec(any::<bool>(), 48 * 48)) {
            let _ = texts(48, 48, |x, y| if pixels[y * 48 + x] { 255 } else { 0 });
        }

        #[test]
        fn no_damage_to_a_code_makes_the_scanner_stumble(at in any::<prop::sample::Index>(), side in 1..24_u32) {
            let mut picture = picture(&["https://a.example/j#AEAQ"], 3);
            let at = u32::try_from(at.index((picture.width() * picture.height()) as usize)).unwrap();
            let (left, top) = (at % picture.width(), at / picture.width());
            for (x, y, pixel) in picture.enumerate_pixels_mut() {
                if (left..left + side).contains(&x) && (top..top + side).contains(&y) {
                    pixel.0[0] = 255 - pixel.0[0];
                }
            }
            let (width, height) = (picture.width() as usize, picture.height() as usize);
            let pixels = picture.into_raw();
            let _ = texts(width, height, |x, y| pixels[y * width + x]);
        }
    }

    /// CRC-32 as in PNG.
    fn crc32(bytes: &[u8]) -> u32 {
        let step = |crc: u32, byte: &u8| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { 0xedb8_8320 ^ (crc >> 1) } else { crc >> 1 })
        };
        !bytes.iter().fold(!0, step)
    }
}
