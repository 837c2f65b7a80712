//! What both ends of a sync must agree on, in one page.
//!
//! | module | holds |
//! |---|---|
//! | [`ids`] | [`ClientId`] and [`VersionId`]: two kinds of UUID that must never be swapped |
//! | [`wire`] | paths, headers and content types, each spelled once |
//! | [`urgency`] | how much a server wants a snapshot, as a header value |
//! | [`server_url`] | the normalised address of a server, as it stands in links and in `taskrc` |
//! | [`describe`] | the JSON that a Taskferry server says about itself, an account, and a refusal |
//! | [`codes`] | the codes of refusals by which programs decide |
//! | [`invite`] | the code that lets somebody create an account |
//! | [`files`] | names of files that both programs know |
//! | [`invite_link`] | the same with its server's address, as one text |
//! | [`link`] | the setup link: how credentials travel from one computer to the next |
//! | [`account_file`] | one account in one file, sealed as it is: how an account travels from one server to the next |
//!
//! No file is opened here and no socket. The encryption secret appears only as the opaque part of a setup link
//! ([`link::Secret`]), so the compiler shows that a server has no place to hold one.

pub mod account_file;
pub mod codes;
pub mod describe;
pub mod files;
pub mod ids;
pub mod invite;
pub mod invite_link;
pub mod link;
pub mod server_url;
pub mod urgency;
pub mod wire;

pub use ids::{ClientId, VersionId};
pub use invite::InviteCode;
pub use invite_link::InviteLink;
pub use link::SetupLink;
pub use server_url::ServerUrl;
pub use urgency::SnapshotUrgency;
