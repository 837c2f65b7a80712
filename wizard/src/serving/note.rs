//! Where the server at home listened last, kept so that it comes back there: computers are set up for that address. Nothing in it
//! is secret, and nothing in it is believed without a look: whether a server runs, only its lock and its answer tell.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use taskferry_protocol::ServerUrl;

use crate::context::Context;
use crate::error::Explain;
use crate::notes::{BadNote, NoteFile};

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The path in front of everything.
    pub base_path: String,
    /// Where its data is.
    pub data: PathBuf,
}

/// Why it can't be kept or read.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct NoteError(#[from] BadNote);

impl Explain for NoteError {
    fn hint(&self) -> Option<String> {
        match &self.0 {
            BadNote::Unreadable { path } => {
                Some(format!("remove it with `rm {}`: it only says where the server listened last", path.display()))
            }
            file @ BadNote::File { .. } => file.hint(),
        }
    }
}

impl Note {
    /// Keeps it in the place of the former one.
    pub fn keep(&self, context: &Context) -> Result<(), NoteError> {
        Ok(file(context).keep(self)?)
    }

    /// What was kept; `None` = no server was ever started here.
    pub fn find(context: &Context) -> Result<Option<Self>, NoteError> {
        let file = file(context);
        match file.find::<Self>()? {
            // What is built from it is an address, and nothing else.
            Some(note) if note.url().is_none() => Err(file.unreadable().into()),
            found => Ok(found),
        }
    }

    /// The address under which this computer reaches it; `None` = there is no such address.
    pub fn url(&self) -> Option<ServerUrl> {
        url(self.listen, &self.base_path)
    }
}

/// The address under which this computer reaches a server that listens there.
pub fn url(listen: SocketAddr, base_path: &str) -> Option<ServerUrl> {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        // A wildcard of IPv6 takes IPv4, too, where the system has both; where it has only one, it is this one.
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    format!("http://{}{base_path}", SocketAddr::new(ip, listen.port())).parse().ok()
}

fn file(context: &Context) -> NoteFile {
    NoteFile::of(context, "home.json")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::home;

    #[test]
    fn a_note_comes_back_and_what_is_none_is_reported_and_left_alone() {
        let (_home, context) = home();
        assert_eq!(Note::find(&context).unwrap(), None);
        let note = Note { listen: "127.0.0.1:8081".parse().unwrap(), base_path: String::new(), data: "/data".into() };
        note.keep(&context).unwrap();
        assert_eq!(Note::find(&context).unwrap(), Some(note));
        for text in ["", "{}", r#"{"listen":"127.0.0.1:1","base_path":"/x\nhooks.location=/tmp","data":"/"}"#] {
            std::fs::write(file(&context).path(), text).unwrap();
            assert!(matches!(Note::find(&context), Err(NoteError(BadNote::Unreadable { .. }))), "{text}");
            assert_eq!(std::fs::read_to_string(file(&context).path()).unwrap(), text);
        }
    }

    #[test]
    fn a_server_that_listens_everywhere_is_reached_here_by_the_loopback_address() {
        let reached = |listen: &str| url(listen.parse().unwrap(), "").unwrap().to_string();
        assert_eq!(reached("0.0.0.0:8080"), "http://127.0.0.1:8080");
        assert_eq!(reached("[::]:8080"), "http://[::1]:8080");
        assert_eq!(reached("192.168.1.5:80"), "http://192.168.1.5");
        assert_eq!(url("127.0.0.1:1".parse().unwrap(), "/sync").unwrap().as_str(), "http://127.0.0.1:1/sync");
    }
}
