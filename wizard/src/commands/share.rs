//! `taskferry share`: prints what another computer needs to join. Read from Taskwarrior at that moment, never from a
//! copy: the secret has one home.

use std::path::Path;
use std::time::SystemTime;

use crate::context::Context;
use crate::credentials::Credentials;
use crate::error::{Explain, Failure};
use crate::flow::computer::Computer;
use crate::flow::{Run, server_url};
use crate::qr::Code;
use crate::qr::picture::{self, Format};
use crate::qr::screen::{self, Pen};
use crate::sheet::{self, Sheet};
use crate::taskrc::{BadBlock, Block, keys};
use crate::{cli, is_colored, json};

/// Why there is nothing to share.
#[derive(Debug, thiserror::Error)]
pub enum ShareError {
    /// No account.
    #[error("sync is not set up on this computer")]
    NotSetUp,
    /// The settings are such that no other taskrc could hold them.
    #[error("the sync settings of this computer can't be passed on")]
    Unusable(#[source] BadBlock),
}

impl Explain for ShareError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::NotSetUp => {
                Some("run `taskferry setup`, or `taskferry join` if another computer has it already".into())
            }
            Self::Unusable(why) => why.hint(),
        }
    }
}

/// Runs the command.
pub fn run(run: &mut Run<'_>, args: &cli::Share) -> Result<(), Failure> {
    let computer = Computer::look(run)?;
    let mut credentials = computer.account.ok_or(ShareError::NotSetUp)?;
    if let Some(address) = &args.server {
        // Not looked at: it may be one that only the other computer reaches.
        credentials.server = server_url(address)?;
    }
    // Also for a link: who joins has to write these values to a taskrc.
    let block = Block::settings(&credentials, keys::URL).map_err(ShareError::Unusable)?;
    if let Some(path) = &args.sheet {
        return sheet(run, &credentials, &block, path);
    }
    let (text, these) =
        if args.text { (block.setting_lines(), "these lines") } else { (credentials.to_text(), "this link") };
    let text = text.trim_end();
    let picture = [(&args.png, Format::Png), (&args.svg, Format::Svg)];
    let picture = picture.into_iter().find_map(|(path, format)| Some((path.as_ref()?, format)));

    let server = &credentials.server;
    // Drawn before anything is said of it: it may not fit.
    let shown = match (picture, args.qr) {
        (Some((path, format)), _) => {
            picture::write(&Code::of(text)?, format, &run.context.cwd().join(path))?;
            None
        }
        (None, true) => {
            let pen = Pen::for_screen(run.context, may_color(run.context, run.global.color));
            Some(screen::draw(&Code::of(text)?, pen, run.context.window)?)
        }
        (None, false) => Some(text.to_owned()),
    };
    let these = if picture.is_some() || args.qr { "this QR code" } else { these };
    let them = if these == "these lines" { "them" } else { "it" };
    run.terminal.say(&format!(
        "whoever has {these} can read and change all your tasks: show {them} only to your own computers\n\
         the server at `{server}` can't read them: it never gets the secret"
    ));
    if server.is_loopback() {
        run.terminal.say_note(&format!(
            "`{server}` can be reached only from this very computer\n\
             for another one, name the address that it reaches: `taskferry share --server http://…`"
        ));
    }
    let next = match (picture, args.qr) {
        (Some((path, _)), _) => format!(
            "\nwritten to `{0}`, which only you can read; on your other computer, run `taskferry join --image {0}`\n\
             delete the picture afterwards",
            path.display()
        ),
        (None, true) if args.text => {
            "\nscan it with a phone: its camera shows the three lines, for the app's settings\n".into()
        }
        (None, true) => "\nscan it with a phone, or take a picture: `taskferry join --image FILE`\n".into(),
        // Through a pipe or into a file nothing follows here.
        (None, false) if run.context.window.is_none() => String::new(),
        (None, false) => "\non your other computer, run `taskferry join` and paste what follows\n".into(),
    };
    if !next.is_empty() {
        run.terminal.say(&next);
    }
    if run.json {
        let file = picture.map(|(path, _)| path.display().to_string());
        let link = credentials.to_text();
        let link = file.is_none().then_some(link.as_str());
        return run.report(&json::Share { server: server.as_str(), file, link });
    }
    shown.map_or(Ok(()), |shown| run.data(&shown))
}

fn sheet(run: &mut Run<'_>, credentials: &Credentials, block: &Block, path: &Path) -> Result<(), Failure> {
    let kind = sheet::Kind::of(path)?;
    Sheet::of(credentials, block, SystemTime::now()).write(kind, &run.context.cwd().join(path))?;
    let server = &credentials.server;
    run.terminal.say(&format!(
        "written to `{}`, which only you can read; print it, and then delete the file\n\
         whoever has the sheet can read and change all your tasks: keep it away from your computers, in no cloud",
        path.display()
    ));
    if server.is_loopback() {
        run.terminal.say_note(&format!(
            "`{server}` is this very computer: if it is lost, so is what the sheet opens, unless the server's data is \
             backed up elsewhere (`taskferry-server backup`)"
        ));
    }
    run.terminal.say("next: run `taskferry recover --test`, and type the sheet in: it shows whether the sheet works");
    run.report(&json::Share { server: server.as_str(), file: Some(path.display().to_string()), link: None })
}

/// Whether the drawing may have colour: it goes to standard output, which may be a terminal where standard error is none.
fn may_color(context: &Context, wanted: cli::Color) -> bool {
    is_colored(wanted, context, context.window.is_some())
}

#[cfg(test)]
mod tests;
