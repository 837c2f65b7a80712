//! `taskferry-server deploy`: ask, write the files, say what to type. With `--check`: wait, and say what testers type.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use taskferry_protocol::ServerUrl;
use taskferry_protocol::describe::{Registration, ServerInfo};

use crate::cli::deploy::{ComposeArgs, FlyArgs, ImageArgs, PlatformArgs, RailwayArgs, SystemdArgs};
use crate::deploy::folder::{self, FolderError};
use crate::deploy::machine::Machine;
use crate::deploy::questions::{Question, QuestionError, Questions, Terminal};
use crate::deploy::readiness::{self, ReadinessError};
use crate::deploy::values::Image;
use crate::deploy::{Deployment, compose, fly, railway, systemd};
use crate::terminal;

const NAME: Question = Question { flag: "--name", words: "name of the app or project", default: None };
const FLY_REGION: Question = Question { flag: "--region", words: "region, such as fra", default: None };
const RAILWAY_REGION: Question =
    Question { flag: "--region", words: "region, such as europe-west4-drams3a", default: None };
const DOMAIN: Question = Question { flag: "--domain", words: "domain name, such as sync.example.org", default: None };
const REGISTRATION: Question = Question {
    flag: "--registration",
    words: "who may create an account (open, invite or closed)",
    default: Some("open"),
};
const MEMORY: Question = Question { flag: "--memory", words: "memory in MB", default: Some("256") };
const DISK: Question = Question { flag: "--disk", words: "disk in GB", default: Some("1") };

/// Why nothing was deployed.
#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    /// An answer is missing or wrong.
    #[error(transparent)]
    Question(#[from] QuestionError),
    /// The files could not be written.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The server is not ready.
    #[error(transparent)]
    Readiness(#[from] ReadinessError),
    /// An image would be built, and there is nothing to build it from.
    #[error("there is no `Dockerfile` in `{}`, so no image can be built here", .0.display())]
    NoClone(PathBuf),
    /// The clone's path can't be written down.
    #[error("the path `{}` can't stand in a settings file", .0.display())]
    OddPath(PathBuf),
    /// `--check` with something that is no address.
    #[error("`--check`: `{text}` is not a usable address")]
    Address {
        /// What was given.
        text: String,
        /// The parser's reason.
        #[source]
        cause: taskferry_protocol::server_url::BadServerUrl,
    },
    /// The system did not let us begin.
    #[error("could not look around on this machine")]
    System(#[source] std::io::Error),
}

impl DeployError {
    /// What a person can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Folder(FolderError::Taken { .. }) => {
                Some("move the file away, or choose another folder with `--into DIR`".into())
            }
            Self::Folder(FolderError::Unwritable { .. }) => Some("choose another folder with `--into DIR`".into()),
            Self::NoClone(_) => Some(
                "run this in a clone of Taskferry's repository, or name a ready-made image with `--image IMAGE`".into(),
            ),
            Self::OddPath(_) => Some("move the clone to a path of plain characters".into()),
            Self::Readiness(ReadinessError::NotReady { .. }) => Some(
                "the platform's log says what the server does; a new name or certificate may take \
                 some minutes more: then run the same command again"
                    .into(),
            ),
            Self::Readiness(ReadinessError::SomethingElse { .. }) => {
                Some("check the address; a server under a path needs the path too".into())
            }
            Self::Readiness(ReadinessError::PlainHttp { .. }) => Some("use `https://`".into()),
            Self::Address { .. } => Some("an address looks like `https://sync.example.org`".into()),
            Self::Question(QuestionError::Value { .. } | QuestionError::Missing { .. }) => {
                Some("`taskferry-server deploy PLATFORM --help` shows what each answer may be".into())
            }
            Self::Question(_) | Self::Readiness(_) | Self::System(_) => None,
        }
    }

    /// Whether it is a matter of how the program was called.
    pub const fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Question(QuestionError::Value { .. } | QuestionError::Missing { .. }) | Self::Address { .. }
        )
    }
}

/// Writes files and says what to type; or, with `--check`, waits for the server.
pub fn run(platform: &PlatformArgs) -> Result<(), DeployError> {
    let common = platform.common();
    if let Some(url) = &common.check {
        return check(url, Duration::from_secs(common.wait.into()));
    }
    let folder = common.into.clone().unwrap_or_else(|| format!("taskferry-{}", platform_name(platform)).into());
    let mut person = Terminal::of_process();
    let mut questions = Questions::new(person.as_mut().map(|person| person as _));
    let deployment = match platform {
        PlatformArgs::Fly(args) => on_fly(args, &mut questions, &folder),
        PlatformArgs::Railway(args) => on_railway(args, &mut questions, &folder),
        PlatformArgs::Compose(args) => with_compose(args, &mut questions, &folder),
        PlatformArgs::Systemd(args) => with_systemd(args, &mut questions, &folder),
    }?;
    folder::write(&folder, &deployment.files)?;
    terminal::say(&instructions(&deployment, &folder));
    Ok(())
}

const fn platform_name(platform: &PlatformArgs) -> &'static str {
    match platform {
        PlatformArgs::Fly(_) => "fly",
        PlatformArgs::Railway(_) => "railway",
        PlatformArgs::Compose(_) => "compose",
        PlatformArgs::Systemd(_) => "systemd",
    }
}

fn on_fly(args: &FlyArgs, questions: &mut Questions<'_>, folder: &Path) -> Result<Deployment, DeployError> {
    let image = image(&args.image)?;
    let answers = fly::Answers {
        name: questions.ask(&NAME, args.name.as_deref())?,
        region: questions.ask(&FLY_REGION, args.region.as_deref())?,
        registration: questions.ask(&REGISTRATION, args.common.registration.as_deref())?,
        memory: questions.ask(&MEMORY, args.memory.as_deref())?,
        disk: questions.ask(&DISK, args.disk.as_deref())?,
        image,
    };
    Ok(fly::deployment(&answers, folder))
}

fn on_railway(args: &RailwayArgs, questions: &mut Questions<'_>, folder: &Path) -> Result<Deployment, DeployError> {
    let image = image(&args.image)?;
    let answers = railway::Answers {
        name: questions.ask(&NAME, args.name.as_deref())?,
        region: questions.ask(&RAILWAY_REGION, args.region.as_deref())?,
        registration: questions.ask(&REGISTRATION, args.common.registration.as_deref())?,
        disk: questions.ask(&DISK, args.disk.as_deref())?,
        image,
    };
    Ok(railway::deployment(&answers, folder))
}

fn with_compose(args: &ComposeArgs, questions: &mut Questions<'_>, folder: &Path) -> Result<Deployment, DeployError> {
    let origin = match image(&args.image)? {
        Some(image) => compose::Origin::Image(image),
        None => compose::Origin::Clone(here_as_text()?),
    };
    let answers = compose::Answers {
        domain: questions.ask(&DOMAIN, args.domain.as_deref())?,
        registration: questions.ask(&REGISTRATION, args.common.registration.as_deref())?,
        memory: questions.ask(&MEMORY, args.memory.as_deref())?,
        origin,
    };
    Ok(compose::deployment(&answers, folder))
}

fn with_systemd(args: &SystemdArgs, questions: &mut Questions<'_>, folder: &Path) -> Result<Deployment, DeployError> {
    let program = std::env::current_exe().map_err(DeployError::System)?;
    let answers = systemd::Answers {
        domain: questions.ask(&DOMAIN, args.domain.as_deref())?,
        registration: questions.ask(&REGISTRATION, args.common.registration.as_deref())?,
    };
    Ok(systemd::deployment(&answers, folder, &program, &Machine::look(Path::new("/"))))
}

/// The image that was named; `None` if one can be built from where we are. Looked at before anything is asked.
fn image(args: &ImageArgs) -> Result<Option<Image>, DeployError> {
    let Some(text) = &args.image else {
        let here = std::env::current_dir().map_err(DeployError::System)?;
        return if here.join("Dockerfile").is_file() { Ok(None) } else { Err(DeployError::NoClone(here)) };
    };
    let parsed =
        text.parse().map_err(|expected| QuestionError::Value { flag: "--image", text: text.clone(), expected });
    Ok(Some(parsed?))
}

fn here_as_text() -> Result<String, DeployError> {
    let here = std::env::current_dir().map_err(DeployError::System)?;
    match here.to_str() {
        Some(text) if !text.contains(|c: char| c == '\'' || c.is_control()) => Ok(text.to_owned()),
        _ => Err(DeployError::OddPath(here)),
    }
}

fn instructions(deployment: &Deployment, folder: &Path) -> String {
    let mut lines = vec![format!("these files are in `{}`:", folder.display())];
    lines.extend(deployment.files.iter().map(|file| format!("  {}", file.path)));
    lines.push("\nnow, in this order, from where you are:".to_owned());
    for (number, step) in (1..).zip(&deployment.steps) {
        lines.push(format!("\n{number}. {}\n", step.purpose));
        lines.extend(step.command.lines().map(|line| format!("   {line}")));
    }
    lines.join("\n")
}

fn check(url: &str, patience: Duration) -> Result<(), DeployError> {
    let url: ServerUrl = url.parse().map_err(|cause| DeployError::Address { text: terminal::printable(url), cause })?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(DeployError::System)?;
    let info = runtime.block_on(readiness::wait(&url, patience, |attempt| {
        terminal::say(&format!("not ready yet ({attempt}); waiting up to {} seconds", patience.as_secs()));
    }))?;
    terminal::say(&format!("`{url}` is ready: Taskferry {}\n", terminal::printable(&info.version)));
    if std::io::stderr().is_terminal()
        && let Some(code) = super::qr::draw(url.as_str(), false)
    {
        terminal::say(&format!("{code}\n"));
    }
    for note in notes(&url, &info) {
        terminal::say(&note);
    }
    terminal::say("your testers run, on the computer that has their tasks:\n");
    terminal::print(&testers_command(&url, info.registration));
    Ok(())
}

fn testers_command(url: &ServerUrl, registration: Registration) -> String {
    match registration {
        Registration::Invite => format!("taskferry setup --server {url} --invite CODE"),
        Registration::Open | Registration::Closed | Registration::Unknown => format!("taskferry setup --server {url}"),
    }
}

/// What to know before the command is handed on.
fn notes(url: &ServerUrl, info: &ServerInfo) -> Vec<String> {
    let mut notes = Vec::new();
    match info.registration {
        Registration::Open | Registration::Unknown => {}
        Registration::Invite => {
            notes.push("registration is by invite: `taskferry-server invite create` makes a CODE\n".to_owned());
        }
        Registration::Closed => {
            notes.push("registration is closed: only accounts that you created yourself get in\n".to_owned());
        }
    }
    if let Some(other) = info.public_url.as_deref().filter(|other| *other != url.as_str()) {
        notes.push(format!("the server's own setting has another address, `{}`\n", terminal::printable(other)));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deploy::Step;

    #[test]
    fn the_commands_are_numbered_and_indented_to_be_copied() {
        let step = |purpose: &str, command: &str| Step { purpose: purpose.into(), command: command.into() };
        let deployment = Deployment {
            files: vec![crate::deploy::File { path: "fly.toml", text: String::new() }],
            steps: vec![step("log in", "fly auth login"), step("two things", "one\ntwo")],
        };
        assert_eq!(
            instructions(&deployment, Path::new("there")),
            "these files are in `there`:\n  fly.toml\n\nnow, in this order, from where you are:\n\n\
             1. log in\n\n   fly auth login\n\n2. two things\n\n   one\n   two"
        );
    }

    #[test]
    fn testers_of_a_server_with_invites_need_one() {
        let url: ServerUrl = "https://sync.example.org".parse().unwrap();
        assert_eq!(testers_command(&url, Registration::Open), "taskferry setup --server https://sync.example.org");
        assert!(testers_command(&url, Registration::Invite).ends_with(" --invite CODE"));
    }
}
