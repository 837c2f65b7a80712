//! What could not be finished because the server was away: kept in one private file, so that `taskferry verify` can finish
//! it later.
//!
//! For a join that is the only place where credentials are kept outside of Taskwarrior's configuration: they must not get
//! there unproved, and somebody who has typed them in should not have to do it again. The file goes as soon as the join is
//! done, was undone, or is replaced by another.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use taskferry_protocol::{ClientId, InviteCode, ServerUrl};
use zeroize::Zeroizing;

use crate::context::Context;
use crate::credentials::Credentials;
use crate::credentials::decode::Decoded;
use crate::error::Explain;
use crate::notes::{BadNote, NoteFile};

/// What is to be finished.
pub enum Pending {
    /// The settings are in place, but the server has not heard of the account. Without the secret: that is in its place.
    Setup {
        /// The server.
        server: ServerUrl,
        /// The account.
        client_id: ClientId,
        /// What lets it in, where the server wants that and the person has given it already.
        invite: Option<InviteCode>,
    },
    /// Nothing is in place but this file.
    Join(PendingJoin),
}

/// A join with what was decided for it already.
#[expect(clippy::struct_excessive_bools, reason = "each is a decision of its own, as on the command line")]
pub struct PendingJoin {
    /// The credentials, and whether they had a checksum.
    pub decoded: Decoded,
    /// Whether the account may be empty where nobody can tell.
    pub allow_empty: bool,
    /// Whether the secret may stay unproved.
    pub unproved: bool,
    /// Whether `recurrence` stays as it is.
    pub keep_recurrence: bool,
    /// Whether the way in which this computer syncs now may go.
    pub replace: bool,
}

/// As it stands in the file.
#[derive(Serialize, Deserialize)]
#[serde(tag = "pending", rename_all = "lowercase", deny_unknown_fields)]
enum Note {
    Setup {
        server: String,
        account: uuid::Uuid,
        invite: Option<Zeroizing<String>>,
    },
    Join {
        link: Zeroizing<String>,
        checked: bool,
        allow_empty: bool,
        unproved: bool,
        keep_recurrence: bool,
        replace: bool,
    },
}

/// Why it can't be kept, read or removed.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct PendingError(#[from] BadNote);

impl Explain for PendingError {
    fn hint(&self) -> Option<String> {
        match &self.0 {
            BadNote::Unreadable { path } => {
                Some(format!("remove it with `rm {}`, then run `taskferry join` again", path.display()))
            }
            file @ BadNote::File { .. } => file.hint(),
        }
    }
}

impl Pending {
    /// Keeps it, readable by its owner alone, and in the place of whatever was kept before.
    pub fn keep(&self, context: &Context) -> Result<PathBuf, PendingError> {
        let note = match self {
            Self::Setup { server, client_id, invite } => Note::Setup {
                server: server.to_string(),
                account: client_id.expose(),
                invite: invite.as_ref().map(InviteCode::to_text),
            },
            Self::Join(PendingJoin { decoded, allow_empty, unproved, keep_recurrence, replace }) => Note::Join {
                link: decoded.credentials.to_text(),
                checked: decoded.checked,
                allow_empty: *allow_empty,
                unproved: *unproved,
                keep_recurrence: *keep_recurrence,
                replace: *replace,
            },
        };
        let file = file(context);
        file.keep(&note)?;
        Ok(file.path().to_owned())
    }

    /// What is kept; `None` = nothing is.
    pub fn find(context: &Context) -> Result<Option<Self>, PendingError> {
        let file = file(context);
        let Some(note) = file.find()? else {
            return Ok(None);
        };
        let unreadable = || file.unreadable();
        let credentials = |link: &str| Credentials::parse(link).map_err(|_| unreadable());
        Ok(Some(match note {
            Note::Setup { server, account, invite } => Self::Setup {
                server: server.parse().map_err(|_| unreadable())?,
                client_id: ClientId::from_uuid(account),
                invite: invite.map(|code| code.parse().map_err(|_| unreadable())).transpose()?,
            },
            Note::Join { link, checked, allow_empty, unproved, keep_recurrence, replace } => Self::Join(PendingJoin {
                decoded: Decoded { credentials: credentials(&link)?, checked },
                allow_empty,
                unproved,
                keep_recurrence,
                replace,
            }),
        }))
    }

    /// Removes what is kept; fine if nothing is.
    pub fn forget(context: &Context) -> Result<(), PendingError> {
        Ok(file(context).forget()?)
    }
}

fn file(context: &Context) -> NoteFile {
    NoteFile::of(context, "pending.json")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::credentials::Secret;
    use crate::testing::home;

    fn credentials() -> Credentials {
        Credentials {
            server: "https://a.example".parse().unwrap(),
            client_id: "7ec5a4d2-0b1e-4c39-9f5d-3a6c8e2b7f10".parse().unwrap(),
            secret: Secret::parse("sesame".into()).unwrap(),
        }
    }

    fn join(checked: bool) -> Pending {
        let decoded = Decoded { credentials: credentials(), checked };
        Pending::Join(PendingJoin {
            decoded,
            allow_empty: checked,
            unproved: !checked,
            keep_recurrence: checked,
            replace: !checked,
        })
    }

    #[test]
    fn what_is_kept_is_found_again_and_readable_by_its_owner_alone() {
        let (_home, context) = home();
        assert!(Pending::find(&context).unwrap().is_none());
        for checked in [true, false] {
            let path = join(checked).keep(&context).unwrap();
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
            let Some(Pending::Join(found)) = Pending::find(&context).unwrap() else { panic!("a join") };
            assert_eq!((found.decoded.credentials, found.decoded.checked), (credentials(), checked));
            assert_eq!((found.allow_empty, found.unproved), (checked, !checked));
            assert_eq!((found.keep_recurrence, found.replace), (checked, !checked));
        }
        let Credentials { server, client_id, .. } = credentials();
        let code = "GAYT-EMZU-GU3D-OOBZ-MFRG-GZDF-MYZQ".parse().unwrap();
        Pending::Setup { server, client_id, invite: Some(code) }.keep(&context).unwrap();
        let Some(Pending::Setup { invite, .. }) = Pending::find(&context).unwrap() else { panic!("the newest counts") };
        assert_eq!(invite.unwrap().to_text().as_str(), "GAYT-EMZU-GU3D-OOBZ-MFRG-GZDF-MYZQ");
        Pending::forget(&context).unwrap();
        Pending::forget(&context).unwrap();
        assert!(Pending::find(&context).unwrap().is_none());
    }

    #[test]
    fn a_run_that_was_killed_while_it_kept_something_left_all_or_nothing() {
        let (_home, context) = home();
        let path = join(true).keep(&context).unwrap();
        // What a kill between writing and renaming leaves: another file beside, and the former one whole.
        std::fs::write(path.with_file_name(".taskferry-killed"), "{\"pending\":\"jo").unwrap();
        assert!(matches!(Pending::find(&context).unwrap(), Some(Pending::Join(_))));
    }

    #[test]
    fn what_is_not_ours_is_reported_and_left_alone() {
        let (_home, context) = home();
        let path = join(true).keep(&context).unwrap();
        for text in ["", "{}", "{\"pending\":\"join\",\"link\":\"https://a.example/j#A\",\"checked\":true}"] {
            std::fs::write(&path, text).unwrap();
            assert!(matches!(Pending::find(&context), Err(PendingError(BadNote::Unreadable { .. }))), "{text}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }
}
