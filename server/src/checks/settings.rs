//! Are the settings good?

use super::{Check, Finding, World};
use crate::config::platform_note;

/// The settings of the running server, else those that one started here would find.
pub struct Settings;

impl Check for Settings {
    fn name(&self) -> &'static str {
        "settings"
    }

    fn needs(&self) -> &'static [&'static str] {
        &[]
    }

    fn look(&self, world: &World<'_>) -> Finding {
        let config = match world.config() {
            Ok(config) => config,
            Err(error) => return Finding::from_error(error, error.hint()),
        };
        // That it runs on a platform which is known is as it should be.
        let platform = platform_note(world.env());
        let odd: Vec<&str> =
            config.notes.iter().filter(|note| Some(*note) != platform.as_ref()).map(String::as_str).collect();
        let good =
            if world.has_the_running_servers_settings() { "good, as the running server was started" } else { "good" };
        match (odd.is_empty(), platform) {
            (true, None) => Finding::ok(good),
            (true, Some(platform)) => Finding::ok(format!("{good}; {platform}")),
            (false, _) => Finding::warning(
                odd.join("; "),
                "`taskferry-server config show` lists each setting and where it comes from",
            ),
        }
    }
}
