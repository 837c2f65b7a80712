//! Draws a QR code with characters: two modules in one cell where the terminal knows half blocks, else one module in two
//! cells.
//!
//! A camera wants dark on light. Where colour may be used, black and white are asked for by name, and it makes no difference
//! what the screen looks like otherwise. Without colour the code is drawn in whichever of the screen's two colours is the
//! light one.

use super::{Code, QUIET_ZONE};
use crate::context::{Context, Window};
use crate::error::Explain;

/// White around the code where the screen has no room for all of [`QUIET_ZONE`]; cameras still find it.
const QUIET_ZONE_MIN: usize = 2;
/// Rows that the shell's next prompt needs.
const PROMPT_ROWS: usize = 1;
/// Black and white of the fixed part of the palette: themes change the first sixteen colours.
const BLACK_ON_WHITE: &str = "\x1b[38;5;16;48;5;231m";
const WHITE_ON_BLACK: &str = "\x1b[38;5;231;48;5;16m";
const RESET: &str = "\x1b[0m";

/// How to draw on this screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pen {
    /// Whether the terminal can show half blocks.
    pub half_blocks: bool,
    /// What is dark and what is light.
    pub ink: Ink,
}

/// What is dark and what is light.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ink {
    /// Colours may be used.
    Colored,
    /// Characters are lighter than the screen behind them.
    LightOnDark,
    /// Characters are darker than the screen behind them.
    DarkOnLight,
}

/// The screen is too small for the code.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the QR code needs a terminal of {} and {} rows, and this one has {} and {}", needs.columns, needs.rows, has.columns, has.rows)]
pub struct TooSmall {
    needs: Window,
    has: Window,
    half_blocks: bool,
}

impl Explain for TooSmall {
    fn hint(&self) -> Option<String> {
        let instead = "or write a picture: `taskferry share --png taskferry.png`\n\
                       or print the link: `taskferry share`";
        Some(if self.half_blocks {
            format!("make the window larger or the characters smaller, then run the same command again\n{instead}")
        } else {
            format!("if the terminal shows UTF-8, `LC_ALL=C.UTF-8 taskferry share --qr` needs half the room\n{instead}")
        })
    }
}

impl Pen {
    /// How to draw in this world. `colored`: whether standard output may have colour.
    pub fn for_screen(context: &Context, colored: bool) -> Self {
        let ink = match (colored, context.var("COLORFGBG").and_then(|colors| colors.to_str())) {
            (true, _) => Ink::Colored,
            // "foreground;background" in the numbers of the sixteen colours; 7 and 9 to 15 are light.
            (false, Some(colors)) if is_light(colors.rsplit(';').next().unwrap_or_default()) => Ink::DarkOnLight,
            (false, _) => Ink::LightOnDark,
        };
        Self { half_blocks: context.speaks_utf8() && !context.is_dumb_terminal(), ink }
    }

    /// Columns and rows for a code with so much white around.
    fn size(self, code: &Code, quiet: usize) -> Window {
        let modules = code.width() + 2 * quiet;
        if self.half_blocks {
            Window { columns: modules, rows: modules.div_ceil(2) }
        } else {
            Window { columns: 2 * modules, rows: modules }
        }
    }
}

fn is_light(background: &str) -> bool {
    background.parse().is_ok_and(|color: u8| color == 7 || (9..=15).contains(&color))
}

/// The code as lines of text. `window`: how much room there is; `None` = it is not a screen, so there is enough.
pub fn draw(code: &Code, pen: Pen, window: Option<Window>) -> Result<String, TooSmall> {
    let quiet = match window {
        None => QUIET_ZONE,
        Some(has) => {
            let fits = |quiet: &usize| {
                let needs = pen.size(code, *quiet);
                needs.columns <= has.columns && needs.rows + PROMPT_ROWS <= has.rows
            };
            let fitting = (QUIET_ZONE_MIN..=QUIET_ZONE).rev().find(fits);
            fitting.ok_or_else(|| {
                let Window { columns, rows } = pen.size(code, QUIET_ZONE_MIN);
                TooSmall { needs: Window { columns, rows: rows + PROMPT_ROWS }, has, half_blocks: pen.half_blocks }
            })?
        }
    };
    let size = code.width() + 2 * quiet;
    let dark = |x, y| code.is_dark(x, y, quiet);
    let lines = if pen.half_blocks {
        (0..size).step_by(2).map(|y| half_blocks(pen.ink, (0..size).map(|x| (dark(x, y), dark(x, y + 1))))).collect()
    } else {
        (0..size).map(|y| whole_cells(pen.ink, (0..size).map(|x| dark(x, y)))).collect::<Vec<_>>()
    };
    Ok(lines.join("\n"))
}

/// One line of cells, each of which is an upper and a lower module.
fn half_blocks(ink: Ink, cells: impl Iterator<Item = (bool, bool)>) -> String {
    let line: String = cells
        .map(|(upper, lower)| {
            // What is drawn is the foreground: the dark modules, or, on a dark screen, the light ones.
            let drawn = if ink == Ink::LightOnDark { (!upper, !lower) } else { (upper, lower) };
            match drawn {
                (true, true) => '█',
                (true, false) => '▀',
                (false, true) => '▄',
                (false, false) => ' ',
            }
        })
        .collect();
    if ink == Ink::Colored { format!("{BLACK_ON_WHITE}{line}{RESET}") } else { line }
}

/// One line of modules, each of them two cells wide, so that it is about a square.
fn whole_cells(ink: Ink, modules: impl Iterator<Item = bool>) -> String {
    let mut line = String::new();
    for dark in modules {
        line.push_str(match (ink, dark) {
            (Ink::Colored, true) => WHITE_ON_BLACK,
            (Ink::Colored, false) => BLACK_ON_WHITE,
            _ => "",
        });
        let drawn = match ink {
            Ink::Colored => false,
            Ink::LightOnDark => !dark,
            Ink::DarkOnLight => dark,
        };
        line.push_str(if drawn { "##" } else { "  " });
    }
    if ink == Ink::Colored {
        line.push_str(RESET);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::{Credentials, Secret};
    use crate::qr::scan;

    const TERMINAL: Window = Window { columns: 80, rows: 24 };

    fn link(server: &str) -> String {
        let credentials = Credentials {
            server: server.parse().unwrap(),
            client_id: "7ec5a4d2-0b1e-4c39-9f5d-3a6c8e2b7f10".parse().unwrap(),
            secret: Secret::parse("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f".into()).unwrap(),
        };
        credentials.to_text().to_string()
    }

    /// What a camera sees of the cells, on a screen whose characters are light and whose background is dark, or the other
    /// way round: one pixel for a half cell, or two for a cell that is a module wide.
    fn pixels(drawn: &str, light_characters: bool) -> Vec<Vec<u8>> {
        let plain = if light_characters { (255, 0) } else { (0, 255) };
        let mut rows = Vec::new();
        for line in drawn.lines() {
            let ((mut ink, mut paper), mut upper, mut lower) = (plain, Vec::new(), Vec::new());
            let mut rest = line;
            while let Some(cell) = rest.chars().next() {
                if let Some((escape, behind)) = [(BLACK_ON_WHITE, (0, 255)), (WHITE_ON_BLACK, (255, 0)), (RESET, plain)]
                    .iter()
                    .find_map(|(escape, colors)| rest.strip_prefix(escape).map(|behind| (colors, behind)))
                {
                    (ink, paper) = *escape;
                    rest = behind;
                    continue;
                }
                rest = &rest[cell.len_utf8()..];
                let (above, below) = match cell {
                    '█' | '#' => (ink, ink),
                    '▀' => (ink, paper),
                    '▄' => (paper, ink),
                    ' ' => (paper, paper),
                    other => panic!("an unexpected cell: {other:?}"),
                };
                upper.push(above);
                lower.push(below);
            }
            rows.extend([upper, lower]);
        }
        rows
    }

    fn seen(drawn: &str, light_characters: bool) -> Vec<String> {
        const PIXELS_A_CELL: usize = 4;
        let rows = pixels(drawn, light_characters);
        let (height, width) = (rows.len() * PIXELS_A_CELL, rows[0].len() * PIXELS_A_CELL);
        scan::texts(width, height, |x, y| rows[y / PIXELS_A_CELL][x / PIXELS_A_CELL])
    }

    #[test]
    fn a_camera_reads_the_link_from_every_kind_of_screen() {
        let link = link("https://sync.example.org");
        let code = Code::of(&link).unwrap();
        for half_blocks in [true, false] {
            for (ink, light_characters) in
                [(Ink::Colored, true), (Ink::Colored, false), (Ink::LightOnDark, true), (Ink::DarkOnLight, false)]
            {
                let drawn = draw(&code, Pen { half_blocks, ink }, None).unwrap();
                assert_eq!(seen(&drawn, light_characters), [link.as_str()], "{half_blocks} {ink:?}");
            }
        }
    }

    #[test]
    fn links_of_usual_hosts_fit_into_80_by_24_with_the_prompt_and_are_read_there() {
        let pen = Pen { half_blocks: true, ink: Ink::Colored };
        for server in [
            "http://127.0.0.1:8080",
            "https://sync.brainplorp.com",
            "https://taskferry-server-production.up.railway.app",
            "https://my-own-taskferry.fly.dev",
            "https://tasks.somebody.example.org/sync",
        ] {
            let link = link(server);
            let drawn = draw(&Code::of(&link).unwrap(), pen, Some(TERMINAL)).unwrap();
            assert!(drawn.lines().count() < TERMINAL.rows, "{server}");
            assert!(drawn.lines().all(|line| console::measure_text_width(line) <= TERMINAL.columns), "{server}");
            assert_eq!(seen(&drawn, true), [link], "{server}");
        }
    }

    #[test]
    fn the_white_around_is_given_up_before_the_code_is() {
        let code = Code::of(&link("https://taskferry-server-production.up.railway.app")).unwrap();
        let pen = Pen { half_blocks: true, ink: Ink::LightOnDark };
        let roomy = draw(&code, pen, Some(Window { columns: 200, rows: 60 })).unwrap();
        assert_eq!(roomy.lines().count(), (code.width() + 2 * QUIET_ZONE).div_ceil(2));
        let narrow = draw(&code, pen, Some(TERMINAL)).unwrap();
        assert!(narrow.lines().count() < roomy.lines().count());
    }

    #[test]
    fn a_screen_that_is_too_small_is_told_what_is_missing_and_what_else_there_is() {
        let code = Code::of(&link("https://a.example")).unwrap();
        let small = Window { columns: 40, rows: 12 };
        let error = draw(&code, Pen { half_blocks: true, ink: Ink::Colored }, Some(small)).unwrap_err();
        assert_eq!(error.has, small);
        assert!(draw(&code, Pen { half_blocks: true, ink: Ink::Colored }, Some(error.needs)).is_ok());
        assert!(error.hint().unwrap().contains("--png"));

        let ascii = draw(&code, Pen { half_blocks: false, ink: Ink::Colored }, Some(TERMINAL)).unwrap_err();
        assert!(ascii.hint().unwrap().contains("UTF-8"));
    }

    #[test]
    fn the_pen_follows_locale_terminal_and_background() {
        let pen = |vars: &[(&str, &str)], colored| {
            let env = [("HOME", "/home/ada")].iter().chain(vars).map(|(k, v)| (k.into(), v.into())).collect();
            Pen::for_screen(&Context::new(env, "/".into(), true).unwrap(), colored)
        };
        assert_eq!(pen(&[("LANG", "de_DE.UTF-8")], true), Pen { half_blocks: true, ink: Ink::Colored });
        assert_eq!(pen(&[("LANG", "C")], false), Pen { half_blocks: false, ink: Ink::LightOnDark });
        assert!(!pen(&[("LANG", "de_DE.UTF-8"), ("LC_ALL", "C")], true).half_blocks);
        assert!(!pen(&[("LC_CTYPE", "en_US.utf8"), ("TERM", "dumb")], false).half_blocks);
        assert_eq!(pen(&[("COLORFGBG", "0;15")], false).ink, Ink::DarkOnLight);
        assert_eq!(pen(&[("COLORFGBG", "15;default;0")], false).ink, Ink::LightOnDark);
    }
}
