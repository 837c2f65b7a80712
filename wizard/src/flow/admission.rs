//! Getting in at a server: its address or a link that invites to it, and the invite, where it wants one. For every command that may
//! make an account.

use taskferry_protocol::describe::Registration;
use taskferry_protocol::invite::BadInvite;
use taskferry_protocol::invite_link::{BadInviteLink, InviteLink};
use taskferry_protocol::server_url::BadServerUrl;
use taskferry_protocol::{ClientId, InviteCode, ServerUrl};

use super::{Run, Stopped, server_url};
use crate::error::{Exit, Explain, Failure};
use crate::run::likely_meant;
use crate::server::Server;
use crate::server::account::Registered;
use crate::server::admission::NotAdmitted;
use crate::server::probe::Kind;

/// The invite can't be one.
#[derive(Debug, thiserror::Error)]
#[error("the invite can't be used")]
pub struct Mistyped(#[source] BadInvite);

impl Explain for Mistyped {
    fn hint(&self) -> Option<String> {
        Some("it looks like `GAYT-EMZU-GU3D-OOBZ-MFRG-GZDF-MYZQ`: copy it from what you were sent".into())
    }

    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

/// The invite link can't be used.
#[derive(Debug, thiserror::Error)]
#[error("could not read the invite link")]
pub struct BadLink(#[source] BadInviteLink);

impl Explain for BadLink {
    fn hint(&self) -> Option<String> {
        Some("copy the whole link from what you were sent, or ask whoever runs the server for a new one".into())
    }

    fn exit(&self) -> Exit {
        Exit::Usage
    }
}

/// A server's address, or a link that invites to it.
pub fn address_or_invite(text: &str) -> Result<(ServerUrl, Option<InviteCode>), Failure> {
    if !InviteLink::looks_like_one(text) {
        return Ok((server_url(text)?, None));
    }
    let InviteLink { server, code } = InviteLink::parse(text).map_err(BadLink)?;
    Ok((server, Some(code)))
}

/// Reads an invite.
pub fn invite_code(text: &str) -> Result<InviteCode, Mistyped> {
    // Whoever was sent a link may give it here, too; then the code is what counts.
    let code = text.split_once("/i#").map_or(text, |(_, code)| code);
    code.parse().map_err(Mistyped)
}

/// Asks for one.
pub fn ask_for_address(run: &mut Run<'_>) -> Result<(ServerUrl, Option<InviteCode>), Failure> {
    let mut meant: Option<ServerUrl> = None;
    run.ask_until_ok(|prompter| {
        let question = match &meant {
            Some(meant) => format!("address of the sync server [{meant}]"),
            None => "address of the sync server (https://…), or invite link".into(),
        };
        let answer = prompter.line(&question)?;
        if let (Some(meant), true) = (meant.take(), answer.is_empty()) {
            return Ok((meant, None));
        }
        if InviteLink::looks_like_one(&answer) {
            return address_or_invite(&answer);
        }
        let read = server_url(&answer);
        if let Err(Stopped::BadServer(BadServerUrl::NoScheme { given })) = &read {
            meant = likely_meant(given);
        }
        Ok((read?, None))
    })
}

/// The invite, if there is one or the server wants one; asked for before the plan, so that nobody accepts what can't happen.
/// `instead`: how to give it where nobody can be asked.
pub fn admission(
    run: &mut Run<'_>,
    kind: &Kind,
    server: &ServerUrl,
    invite: Option<InviteCode>,
    instead: &'static str,
) -> Result<Option<InviteCode>, Failure> {
    let registration = match kind {
        Kind::Taskferry(info) => info.registration,
        Kind::Other => Registration::Open,
    };
    match (registration, invite) {
        (Registration::Closed, _) => Err(NotAdmitted::closed(server.clone()).into()),
        (Registration::Invite, None) => {
            run.must_be_able_to_ask("this server takes new accounts only with an invite", instead)?;
            run.terminal.say(&format!("`{server}` takes new accounts only with an invite from whoever runs it"));
            run.ask_until_ok(|prompter| Ok(invite_code(&prompter.line("invite")?)?)).map(Some)
        }
        (_, invite) => Ok(invite),
    }
}

/// Passes the server's answer on; if it refuses the invite and somebody is there, another one is tried.
pub fn admitted(
    run: &mut Run<'_>,
    server: &Server,
    account: &ClientId,
    answer: Result<Registered, NotAdmitted>,
) -> Result<Registered, Failure> {
    match answer {
        Err(refusal) if refusal.why.is_about_the_invite() && run.can_ask() => {
            run.terminal.say_failure(&refusal.into());
            run.terminal.say("");
            let another = run.ask_until_ok(|prompter| Ok(invite_code(&prompter.line("another invite")?)?))?;
            Ok(run.ask_server(server, |server| server.register(account, Some(&another)))??)
        }
        answer => Ok(answer?),
    }
}
