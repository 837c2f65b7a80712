//! A QR code for a terminal: two modules in a cell.

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

use crate::config::sources::Env;

/// Black and white of the fixed part of the palette: themes change the first sixteen colours.
const BLACK_ON_WHITE: &str = "\x1b[38;5;16;48;5;231m";
const RESET: &str = "\x1b[0m";

/// Whether a terminal in this environment may be sent colours.
pub(super) fn may_have_colors(env: &Env) -> bool {
    env.get("NO_COLOR").is_none() && env.get("TERM").is_none_or(|terminal| terminal != "dumb")
}

/// The smallest code for `text`; `None` if it is too long. With colours it is dark on light, as cameras like it best; without,
/// light on dark, as most terminals are, which they read as well.
pub(super) fn draw(text: &str, colored: bool) -> Option<String> {
    let code = QrCode::with_error_correction_level(text, EcLevel::L).ok()?;
    let (dark, light) = if colored { (Dense1x2::Dark, Dense1x2::Light) } else { (Dense1x2::Light, Dense1x2::Dark) };
    let drawn = code.render::<Dense1x2>().dark_color(dark).light_color(light).build();
    if !colored {
        return Some(drawn);
    }
    Some(drawn.lines().map(|line| format!("{BLACK_ON_WHITE}{line}{RESET}")).collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_to_a_usual_host_fits_a_terminal_with_its_prompt() {
        let host = "https://taskferry-server-production.up.railway.app";
        let drawn = draw(&format!("{host}/i#GAYT-EMZU-GU3D-OOBZ-MFRG-GZDF-MYZQ"), false).unwrap();
        assert!(drawn.lines().count() < 24 && drawn.lines().all(|line| line.chars().count() <= 80), "{drawn}");
    }

    #[test]
    fn colours_are_black_and_white_whatever_the_theme_and_end_with_each_line() {
        let (plain, colored) = (draw("x", false).unwrap(), draw("x", true).unwrap());
        assert!(!plain.contains('\x1b'));
        assert!(colored.lines().all(|line| line.starts_with(BLACK_ON_WHITE) && line.ends_with(RESET)));
        // What is drawn on one is left blank on the other.
        let corner = |drawn: &str| drawn.trim_start_matches(BLACK_ON_WHITE).chars().next();
        assert_ne!(corner(&plain), corner(&colored));
        assert_eq!(draw(&"x".repeat(5000), true), None);
        assert!(!may_have_colors(&Env::from_pairs([("NO_COLOR", "1")])));
        assert!(!may_have_colors(&Env::from_pairs([("TERM", "dumb")])) && may_have_colors(&Env::default()));
    }
}
