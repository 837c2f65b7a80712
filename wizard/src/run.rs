//! One run of the program, as every command gets it handed: its world, its streams, its person, and the flags that all commands take.
//! What it can do by itself: ask, answer scripts, and reach a server.

use std::io::{self, Read};

use serde::Serialize;
use taskferry_protocol::ServerUrl;
use taskferry_protocol::server_url::BadServerUrl;

use crate::cli::Global;
use crate::context::Context;
use crate::error::{Exit, Explain, Failure};
use crate::prompt::{PromptError, Prompter};
use crate::server::{Server, ServerError, patience};
use crate::standing::State;
use crate::terminal::Terminal;

/// How often a question is repeated after an answer that can't be right.
const TRIES_MAX: usize = 3;

/// One run of the program: its world, its streams, its person, and the flags that every command takes.
pub struct Run<'a> {
    /// The world.
    pub context: &'a Context,
    /// Where talk and data go.
    pub terminal: Terminal<'a>,
    /// Standard input, for `--from-stdin`.
    pub input: &'a mut dyn Read,
    /// Who answers.
    pub prompter: &'a mut dyn Prompter,
    /// The common flags.
    pub global: &'a Global,
    /// Whether a script wants the outcome as JSON, and did not get it yet.
    pub json: bool,
    /// How this computer and its account stand to each other, once that was found out.
    pub state: Option<State>,
}

/// Why a run ends without a technical reason.
#[derive(Debug, thiserror::Error)]
pub enum Stopped {
    /// A question without anybody to ask.
    #[error("{question}, and nobody can be asked here")]
    MissingAnswer {
        /// What would have been asked, as the beginning of a sentence.
        question: &'static str,
        /// What to do instead; names the flag.
        instead: &'static str,
    },
    /// The person looked at the plan and said no.
    #[error("stopped; nothing was changed")]
    Declined,
    /// The same, or Ctrl-C, at a question behind something that was done.
    #[error("stopped; {stands}")]
    Midway {
        /// What is the case now.
        stands: &'static str,
        /// By which of the two it ends.
        exit: Exit,
    },
    /// A server address that is none.
    #[error("the server's address can't be used")]
    BadServer(#[source] BadServerUrl),
    /// No answer at all.
    #[error("the address of a sync server is needed here")]
    NoServer,
    /// The output that somebody asked for can't be written.
    #[error("could not write to standard output")]
    Output(#[source] io::Error),
    /// An invite link in the place of a choice. It holds the invite, so it is not shown again.
    #[error("this is an invite link, not the number of a choice")]
    InviteLink,
    /// A setup link in the place of an address. It holds the secret, so it is not shown again.
    #[error("this is a setup link, not the address of a server")]
    SetupLink,
}

/// What an address without a scheme is likely to mean. Servers at home rarely have a certificate.
pub fn likely_meant(given: &str) -> Option<ServerUrl> {
    // Another scheme was meant, whatever for.
    if given.contains("://") {
        return None;
    }
    let parse = |scheme: &str| format!("{scheme}://{given}").parse::<ServerUrl>().ok();
    parse("http").filter(ServerUrl::is_private).or_else(|| parse("https"))
}

const ADDRESS_EXAMPLE: &str = "it looks like `https://tasks.example.org`";

impl Explain for Stopped {
    fn hint(&self) -> Option<String> {
        match self {
            Self::MissingAnswer { instead, .. } => Some((*instead).into()),
            Self::Declined | Self::Midway { .. } | Self::Output(_) => None,
            Self::BadServer(why) => Some(match why {
                BadServerUrl::NoScheme { given } => likely_meant(given).map(|meant| format!("did you mean `{meant}`?")),
                _ => None,
            })
            .map(|hint| hint.unwrap_or_else(|| ADDRESS_EXAMPLE.into())),
            Self::NoServer => Some(ADDRESS_EXAMPLE.into()),
            Self::InviteLink => Some(
                "choose the server that you were invited to, and paste the link when its address is asked for".into(),
            ),
            Self::SetupLink => Some("run `taskferry join`, and paste the link when it asks for it".into()),
        }
    }

    fn is_choice(&self) -> bool {
        matches!(self, Self::Declined | Self::Midway { .. })
    }

    fn exit(&self) -> Exit {
        match self {
            Self::MissingAnswer { .. } | Self::BadServer(_) | Self::NoServer | Self::SetupLink | Self::InviteLink => {
                Exit::Usage
            }
            Self::Declined | Self::Output(_) => Exit::Failed,
            Self::Midway { exit, .. } => *exit,
        }
    }
}

impl Run<'_> {
    /// Whether somebody sits there and may be asked.
    pub fn can_ask(&self) -> bool {
        self.context.interactive && !self.global.no_input
    }

    /// What the command was asked for, on standard output.
    pub fn data(&mut self, text: &str) -> Result<(), Failure> {
        Ok(self.terminal.data(text.trim_end()).map_err(Stopped::Output)?)
    }

    /// The outcome for a script, if it is one that asks. Only the first one: it reads a single document, and a failure behind
    /// what was found is told by the exit code.
    pub fn report(&mut self, outcome: &impl Serialize) -> Result<(), Failure> {
        if !std::mem::take(&mut self.json) {
            return Ok(());
        }
        let text = serde_json::to_string(outcome).map_err(|why| Stopped::Output(why.into()))?;
        self.data(&text)
    }

    /// Fails unless somebody can be asked.
    pub fn must_be_able_to_ask(&self, question: &'static str, instead: &'static str) -> Result<(), Stopped> {
        if self.can_ask() {
            return Ok(());
        }
        Err(Stopped::MissingAnswer { question, instead })
    }

    /// A server to ask; what it is asked is in the journal.
    pub fn server(&self, url: ServerUrl) -> Result<Server, ServerError> {
        Ok(Server::new(url, self.global.insecure_http)?.with_journal(self.terminal.journal().clone()))
    }

    /// Asks a server, with patience, and says what is waited for.
    pub fn ask_server<T>(
        &mut self,
        server: &Server,
        ask: impl FnMut(&Server) -> Result<T, ServerError>,
    ) -> Result<T, ServerError> {
        let terminal = &mut self.terminal;
        server.patiently(|why, pause| terminal.say(&patience::waiting(why, pause)), ask)
    }

    /// Yes or no, where something was done already: what Ctrl-C leaves is `stands`, and not that nothing was changed.
    pub fn confirm_midway(&mut self, question: &str, default: bool, stands: &'static str) -> Result<bool, Failure> {
        match self.prompter.confirm(question, default) {
            Err(PromptError::Interrupted) => Err(Stopped::Midway { stands, exit: Exit::Interrupted }.into()),
            answer => Ok(answer?),
        }
    }

    /// Asks until the answer makes sense, but not for ever.
    pub fn ask_until_ok<T>(
        &mut self,
        mut ask: impl FnMut(&mut dyn Prompter) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        for _ in 1..TRIES_MAX {
            match ask(self.prompter) {
                Err(failure) if failure.error().exit() != Exit::Interrupted => {
                    self.terminal.say_failure(&failure);
                    self.terminal.say("");
                }
                other => return other,
            }
        }
        ask(self.prompter)
    }
}
