//! The repository's own deployment files, and how values get into them.
//!
//! What `deploy` writes are the very files that the repository shows and tests: nothing is kept twice, so nothing drifts. A
//! value is put in place of exactly one text; a file that no longer has it, or has it twice, fails the tests here.

/// `fly.toml`.
pub const FLY: &str = include_str!("../../../fly.toml");
/// `.railway/railway.ts`.
pub const RAILWAY: &str = include_str!("../../../.railway/railway.ts");
/// `compose.yaml`. Takes its values from `.env`, so it is written as it is.
pub const COMPOSE: &str = include_str!("../../../compose.yaml");
/// `Caddyfile`.
pub const CADDYFILE: &str = include_str!("../../../Caddyfile");
/// `deploy/systemd/taskferry-server.service`.
pub const UNIT: &str = include_str!("../../../deploy/systemd/taskferry-server.service");
/// `deploy/systemd/taskferry-server.conf`.
pub const SYSUSERS: &str = include_str!("../../../deploy/systemd/taskferry-server.conf");
/// `deploy/systemd/server.toml`.
pub const SERVER_TOML: &str = include_str!("../../../deploy/systemd/server.toml");

/// Puts each second text in place of the first one.
///
/// # Panics
/// If a text is not there exactly once. The files are part of the program, so that is a mistake in the program, and each
/// platform's test finds it.
pub fn fill<const N: usize>(template: &str, values: [(&str, String); N]) -> String {
    values.into_iter().fold(template.to_owned(), |text, (from, to)| {
        let found = text.matches(from).count();
        assert!(found == 1, "`{from}` stands {found} times in a template");
        text.replacen(from, &to, 1)
    })
}
