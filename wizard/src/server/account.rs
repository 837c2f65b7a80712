//! Creates an account and asks what the server knows of one. Only Taskferry servers can; the sync protocol itself answers
//! 404 to an unknown, an empty and an up-to-date account alike.

use reqwest::{Method, StatusCode};
use taskferry_protocol::describe::{AccountInfo, Deletion, RegisterRequest};
use taskferry_protocol::{ClientId, InviteCode, codes, wire};

use super::admission::NotAdmitted;
use super::{Server, ServerError};

/// Whether an account was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registered {
    /// It is there, now or already before.
    Yes,
    /// This server can't; the account comes into being with the first change that is sent.
    NotOffered,
}

/// What a server knows of an account.
#[derive(Debug)]
pub enum Known {
    /// It has one.
    Account(Box<AccountInfo>),
    /// It has none with this ID.
    Unknown,
    /// It had one, which was deleted; the ID is never accepted again.
    Deleted,
    /// This server can't tell.
    NotOffered,
}

impl Server {
    /// Creates the account, if this person is let in. Repeating it is harmless, and costs an invite nothing.
    pub fn register(
        &self,
        account: &ClientId,
        invite: Option<&InviteCode>,
    ) -> Result<Result<Registered, NotAdmitted>, ServerError> {
        let request = RegisterRequest { invite: invite.map(|code| code.to_text().to_string()) };
        let answer = self.ask_with(wire::REGISTER, account, &request)?;
        if let Some(refusal) = NotAdmitted::of(&answer, self.url()) {
            return Ok(Err(refusal));
        }
        match answer.status {
            StatusCode::OK | StatusCode::CREATED => Ok(Ok(Registered::Yes)),
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED if answer.problem().is_none() => {
                Ok(Ok(Registered::NotOffered))
            }
            _ => Err(self.refusal(&answer)),
        }
    }

    /// Deletes the account, where the server lets a person do that themselves: no device can use it any more, and its data
    /// goes once the server's time of grace is over. When that is, if the server says it.
    pub fn delete_account(&self, account: &ClientId) -> Result<Option<Deletion>, ServerError> {
        let answer = self.ask(Method::DELETE, wire::ACCOUNT, Some(account))?;
        if answer.status != StatusCode::OK {
            return Err(self.refusal(&answer));
        }
        Ok(serde_json::from_slice(&answer.body).ok())
    }

    /// What the server knows of the account.
    pub fn account(&self, account: &ClientId) -> Result<Known, ServerError> {
        let answer = self.ask(Method::GET, wire::ACCOUNT, Some(account))?;
        match answer.status {
            StatusCode::OK => match serde_json::from_slice(&answer.body) {
                Ok(info) => Ok(Known::Account(Box::new(info))),
                Err(_) => Err(self.nonsense("its description of the account can't be read")),
            },
            StatusCode::FORBIDDEN if answer.problem().is_some_and(|it| it.code == codes::ACCOUNT_DELETED) => {
                Ok(Known::Deleted)
            }
            StatusCode::NOT_FOUND => match answer.problem() {
                Some(problem) if problem.code == codes::UNKNOWN_ACCOUNT => Ok(Known::Unknown),
                Some(_) => Err(self.refusal(&answer)),
                None => Ok(Known::NotOffered),
            },
            _ => Err(self.refusal(&answer)),
        }
    }
}
