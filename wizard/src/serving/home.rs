//! The server at home as it is now: it runs, or this is what would be started. Looking changes nothing; [`Home::start`] and
//! [`stop`] do.

use std::fs::{File, OpenOptions};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use taskferry_protocol::ServerUrl;

use super::holder::{self, Holder};
use super::lock::Awaited;
use super::note::{self, Note};
use super::program::{Program, ProgramError, Usual};
use super::service::{Service, Spec};
use super::{keeper, log};
use crate::context::Context;
use crate::error::{Exit, Explain, Failure};
use crate::files;
use crate::run::Run;
use crate::server::probe::Kind;
use crate::server::{Server, ServerError};

/// Where a server of anybody on this computer is looked for.
const USUAL: &str = "http://127.0.0.1:8080";
/// Ports that are tried behind one that is taken.
const PORTS_MORE: u16 = 20;
/// For each answer of a server on this very computer.
const ANSWER_SECONDS: u64 = 3;
/// Until a server serves, an upgrade of its data included; and until another start is over.
const START_WITHIN: Duration = Duration::from_secs(90);
/// Until a server that was asked to stop has: it takes the rest of pushes under way first, 28 s at most.
const STOP_WITHIN: Duration = Duration::from_secs(45);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// After which somebody who waits is told so.
const TELL_AFTER: Duration = Duration::from_secs(2);

/// See the module.
#[derive(Debug, Clone)]
pub struct Home {
    url: ServerUrl,
    state: State,
}

#[derive(Debug, Clone)]
enum State {
    Runs { whose: Whose },
    ToStart(Box<ToStart>),
}

/// Whose server it is that runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// On the data of whoever asks.
    Own,
    /// Somebody else's on this computer, such as a service of the system.
    Others,
}

/// What would be started.
#[derive(Debug, Clone)]
struct ToStart {
    program: Program,
    listen: SocketAddr,
    usual: Usual,
    /// Whether somebody named exactly this address.
    is_named: bool,
    /// Where it listened before, if that is taken now.
    moved_from: Option<SocketAddr>,
}

/// Why there is no server at home.
#[derive(Debug, thiserror::Error)]
pub enum HomeError {
    /// Somebody else listens there.
    #[error("`{0}` is taken by another program")]
    Taken(SocketAddr),
    /// On all of the ports that were tried.
    #[error("no port is free on this computer from {first} to {last}")]
    NoPortFree {
        /// The first that was tried.
        first: u16,
        /// The last one.
        last: u16,
    },
    /// An address of another computer, or a port for the system alone.
    #[error("this computer can't listen on `{listen}`")]
    CantListen {
        /// Where it should.
        listen: SocketAddr,
        /// Why not.
        #[source]
        why: io::Error,
    },
    /// Where it listens can't be changed while it runs.
    #[error("your server runs already, at `{url}`")]
    RunsElsewhere {
        /// Where.
        url: ServerUrl,
    },
    /// It holds the data, but does not answer where it should.
    #[error(
        "a server runs on `{}`{}, but where it listens is not known here",
        data.display(), process.map(|number| format!(" (process {number})")).unwrap_or_default()
    )]
    Unfindable {
        /// Its data.
        data: PathBuf,
        /// Its process.
        process: Option<u32>,
    },
    /// The world changed while somebody read the plan.
    #[error("the server at home is not where it was a moment ago")]
    Moved,
    /// Another start does not come to its end.
    #[error("another `taskferry` is starting the server, and does not come to an end")]
    Busy,
    /// It ended at once.
    #[error("the server did not start")]
    NotStarted(#[source] Reason),
    /// It lives, but says nothing.
    #[error("the server was started, but does not answer at `{0}`")]
    Silent(ServerUrl),
    /// It does not end.
    #[error("the server was asked to stop, and still runs")]
    DoesNotStop,
    /// Files or processes.
    #[error("the server at home could not be looked after")]
    System(#[source] io::Error),
}

/// What the server said before it ended.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Reason(String);

impl Explain for HomeError {
    fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Taken(_) | Self::NoPortFree { .. } => {
                "name an address that is free, as in `taskferry home start --listen 127.0.0.1:9090`".into()
            }
            Self::CantListen { .. } => {
                "name one of this computer's own addresses and a port above 1023, or `0.0.0.0` for all of them".into()
            }
            Self::RunsElsewhere { .. } => "run `taskferry home stop` first, then the same command again".into(),
            Self::Unfindable { .. } => "stop that server, then run the same command again\n\
                 or, if you know its address: `taskferry setup --server http://127.0.0.1:PORT`"
                .into(),
            Self::Moved | Self::Busy => "run the same command again".into(),
            Self::NotStarted(_) | Self::Silent(_) | Self::DoesNotStop => {
                "run `taskferry home status`, which says where its log is".into()
            }
            Self::System(_) => "make room or mend the permissions, then run the same command again".into(),
        })
    }

    fn exit(&self) -> Exit {
        match self {
            Self::CantListen { .. } => Exit::Usage,
            _ => Exit::Failed,
        }
    }
}

impl Home {
    /// Looks what is there. `listen`: where somebody wants it to listen.
    pub fn look(run: &Run<'_>, listen: Option<SocketAddr>) -> Result<Self, Failure> {
        let context = run.context;
        let note = Note::find(context)?;
        let program = Program::find(context);
        // Its settings are asked for once, and only where the note doesn't say the same.
        let usual = program.as_ref().ok().map(|program| program.usual(context)).transpose()?;
        let data = note.as_ref().map(|note| &note.data).or(usual.as_ref().map(|usual| &usual.data));
        if let Some(data) = data
            && let Some(holder) = holder::of(data).map_err(HomeError::System)?
        {
            let noted = note.as_ref().map(|note| note.listen);
            let places = note.as_ref().and_then(Note::url).into_iter().chain(usual.as_ref().and_then(Usual::url));
            let there = Self::of_holder(run, data, holder, places)?;
            let listens = noted.or(usual.as_ref().map(|usual| usual.listen));
            if listen.is_some() && listen != listens {
                return Err(HomeError::RunsElsewhere { url: there.url }.into());
            }
            return Ok(there);
        }
        if note.is_none() && listen.is_none() {
            let there = usual.as_ref().and_then(Usual::url).or_else(|| USUAL.parse().ok());
            if let Some(url) = there.filter(|url| is_taskferry(run, url)) {
                return Ok(Self { url, state: State::Runs { whose: Whose::Others } });
            }
        }
        let program = program?;
        let usual = match usual {
            Some(usual) => usual,
            None => program.usual(context)?,
        };
        let usual = Usual { data: note.as_ref().map_or(usual.data, |note| note.data.clone()), ..usual };
        let before = note.map(|note| note.listen);
        let wanted = listen.or(before).unwrap_or(usual.listen);
        let found = free(wanted, listen.is_some())?;
        let url = note::url(found, &usual.base_path).ok_or(HomeError::Taken(found))?;
        let moved_from = before.filter(|before| listen.is_none() && *before != found);
        let to_start = ToStart { program, listen: found, usual, is_named: listen.is_some(), moved_from };
        Ok(Self { url, state: State::ToStart(Box::new(to_start)) })
    }

    /// A server that runs on our data: where?
    fn of_holder(
        run: &Run<'_>,
        data: &Path,
        holder: Holder,
        places: impl Iterator<Item = ServerUrl>,
    ) -> Result<Self, Failure> {
        for url in places {
            if is_taskferry(run, &url) {
                return Ok(Self { url, state: State::Runs { whose: Whose::Own } });
            }
        }
        Err(HomeError::Unfindable { data: data.into(), process: holder.process }.into())
    }

    /// Under which address this computer reaches it, now or once it is started.
    pub fn url(&self) -> &ServerUrl {
        &self.url
    }

    /// Whose it is, if it runs.
    pub fn runs(&self) -> Option<Whose> {
        match self.state {
            State::Runs { whose } => Some(whose),
            State::ToStart(_) => None,
        }
    }

    /// Where it would listen; `None` = it runs.
    pub fn listen(&self) -> Option<SocketAddr> {
        match &self.state {
            State::ToStart(to_start) => Some(to_start.listen),
            State::Runs { .. } => None,
        }
    }

    /// What starting it does, for a plan; `None` = it runs.
    pub fn plan(&self, context: &Context) -> Option<String> {
        let State::ToStart(to_start) = &self.state else {
            return None;
        };
        let data = context.short(&to_start.usual.data);
        Some(format!("start a sync server on this computer, at `{}`, with its data in `{data}`", self.url))
    }

    /// Where it listened before, if it has to listen elsewhere now.
    pub fn moved_from(&self) -> Option<SocketAddr> {
        match &self.state {
            State::ToStart(to_start) => to_start.moved_from,
            State::Runs { .. } => None,
        }
    }

    /// Starts it, unless it runs; it outlives this program.
    pub fn start(self, run: &mut Run<'_>) -> Result<(Server, Kind), Failure> {
        let to_start = match self.state {
            State::Runs { .. } => return Ok(answering(run, &self.url)?),
            State::ToStart(to_start) => to_start,
        };
        let _lock = lock(run)?;
        // Somebody may have been faster while this was read or waited for.
        let now = Self::look(run, to_start.is_named.then_some(to_start.listen))?;
        if now.url != self.url {
            return Err(HomeError::Moved.into());
        }
        match now.state {
            State::Runs { .. } => Ok(answering(run, &now.url)?),
            State::ToStart(to_start) => launch(run, &to_start, &now.url),
        }
    }
}

impl Usual {
    fn url(&self) -> Option<ServerUrl> {
        note::url(self.listen, &self.base_path)
    }
}

/// The server that answers there.
fn answering(run: &Run<'_>, url: &ServerUrl) -> Result<(Server, Kind), ServerError> {
    let server = run.server(url.clone())?;
    let kind = server.probe_within(ANSWER_SECONDS)?;
    Ok((server, kind))
}

/// Whether a server of ours answers there, or is about to: one that upgrades its data says "not now".
fn is_taskferry(run: &Run<'_>, url: &ServerUrl) -> bool {
    matches!(answering(run, url), Ok((_, Kind::Taskferry(_))) | Err(ServerError::NotNow { .. }))
}

/// The address itself, or, unless it has to be this one, the next free port behind it.
fn free(wanted: SocketAddr, only_this: bool) -> Result<SocketAddr, HomeError> {
    let first = wanted.port();
    if first == 0 {
        return Err(HomeError::CantListen {
            listen: wanted,
            why: io::Error::other("a port is needed that others know"),
        });
    }
    let last = if only_this { first } else { first.saturating_add(PORTS_MORE) };
    for port in first..=last {
        let listen = SocketAddr::new(wanted.ip(), port);
        match TcpListener::bind(listen) {
            Ok(_) => return Ok(listen),
            Err(why) if why.kind() == io::ErrorKind::AddrInUse && only_this => return Err(HomeError::Taken(listen)),
            Err(why) if why.kind() == io::ErrorKind::AddrInUse => {}
            Err(why) => return Err(HomeError::CantListen { listen, why }),
        }
    }
    Err(HomeError::NoPortFree { first, last })
}

/// Held while a server is started or stopped here, so that two never do it at once.
fn lock(run: &mut Run<'_>) -> Result<File, Failure> {
    let path = run.context.state_dir().join("home.lock");
    let open = || {
        files::make_own(&run.context.state_dir())?;
        OpenOptions::new().write(true).create(true).truncate(false).mode(files::OWNER_ONLY).open(&path)
    };
    let awaited = Awaited::exclusive(open().map_err(HomeError::System)?);
    if let Some(locked) = awaited.within(TELL_AFTER).map_err(HomeError::System)? {
        return Ok(locked);
    }
    run.terminal.say("another `taskferry` is just starting or stopping the server: waiting for it …");
    let locked = awaited.within(START_WITHIN).map_err(HomeError::System)?;
    Ok(locked.ok_or(HomeError::Busy)?)
}

fn launch(run: &mut Run<'_>, to_start: &ToStart, url: &ServerUrl) -> Result<(Server, Kind), Failure> {
    let context = run.context;
    let note = Note {
        listen: to_start.listen,
        base_path: to_start.usual.base_path.clone(),
        data: to_start.usual.data.clone(),
    };
    // Before it is started: a run that is killed in between leaves a server that is found again.
    note.keep(context)?;
    let logged = log::length(context);
    run.terminal.say(&format!("starting the server (`{}`) …", context.short(to_start.program.path())));
    let spec = Spec { program: to_start.program.path(), listen: to_start.listen, data: &note.data };
    let child = match Service::installed(context) {
        Some(service) => {
            service.write(&spec)?;
            service.start()?;
            None
        }
        None => Some(keeper::spawn(context, to_start.listen, &note.data).map_err(HomeError::System)?),
    };
    wait_until_it_serves(run, url, child, logged)
}

fn wait_until_it_serves(
    run: &mut Run<'_>,
    url: &ServerUrl,
    mut child: Option<Child>,
    logged: u64,
) -> Result<(Server, Kind), Failure> {
    let server = run.server(url.clone())?;
    let (begun, mut was_told) = (Instant::now(), false);
    loop {
        let answer = server.probe_within(ANSWER_SECONDS);
        let has_ended = match &mut child {
            Some(child) => child.try_wait().map_err(HomeError::System)?.is_some(),
            None => false,
        };
        if has_ended {
            let why = log::error_since(run.context, logged);
            return Err(HomeError::NotStarted(Reason(why.unwrap_or_else(|| "it ended without a word".into()))).into());
        }
        match answer {
            Ok(kind @ Kind::Taskferry(_)) => return Ok((server, kind)),
            Err(ServerError::Interrupted) => return Err(interrupted(child.as_ref())),
            _ => {}
        }
        if begun.elapsed() > START_WITHIN {
            return Err(HomeError::Silent(url.clone()).into());
        }
        if !was_told && begun.elapsed() > TELL_AFTER {
            was_told = true;
            run.terminal.say("it does not answer yet: waiting for it …");
        }
        if let Err(ServerError::Interrupted) = server.pause(LOOK_EVERY) {
            return Err(interrupted(child.as_ref()));
        }
    }
}

/// Ctrl-C: what was just started goes again.
fn interrupted(child: Option<&Child>) -> Failure {
    if let Some(child) = child {
        let _ = kill_process(Pid::from_child(child), Signal::TERM);
    }
    ServerError::Interrupted.into()
}

/// Where the data of the server at home is, if that is known or can be asked.
pub fn data(context: &Context) -> Result<Option<PathBuf>, Failure> {
    if let Some(note) = Note::find(context)? {
        return Ok(Some(note.data));
    }
    match Program::find(context) {
        Ok(program) => Ok(Some(program.usual(context)?.data)),
        Err(ProgramError::Missing) => Ok(None),
        Err(why) => Err(why.into()),
    }
}

/// Stops it, and waits until it has. Whether there was one.
pub fn stop(run: &mut Run<'_>) -> Result<bool, Failure> {
    let Some(data) = data(run.context)? else {
        return Ok(false);
    };
    let _lock = lock(run)?;
    let Some(holder) = holder::of(&data).map_err(HomeError::System)? else {
        return Ok(false);
    };
    run.terminal.say("stopping the server …");
    match Service::installed(run.context) {
        Some(service) if service.is_running() => service.stop()?,
        _ => holder.ask_to_stop().map_err(HomeError::System)?,
    }
    if !holder::wait_until_free(&data, STOP_WITHIN).map_err(HomeError::System)? {
        return Err(HomeError::DoesNotStop.into());
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_taken_is_passed_over_unless_it_was_named() {
        let taken = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = taken.local_addr().unwrap();
        assert!(matches!(free(at, true), Err(HomeError::Taken(listen)) if listen == at));
        // Others may take ports at the same time, but hardly twenty of them; and there may be none behind the last.
        match free(at, false) {
            Ok(found) => assert!(found.port() > at.port() && found.ip() == at.ip()),
            Err(why) => assert!(matches!(why, HomeError::NoPortFree { .. }), "{why:?}"),
        }
    }

    #[test]
    fn an_address_of_another_computer_is_told() {
        let elsewhere = "192.0.2.1:8080".parse().unwrap();
        assert!(matches!(free(elsewhere, false), Err(HomeError::CantListen { .. })));
    }
}
