//! Are the limits on, and may the process open files enough for them?

use super::{Check, Finding, World};

/// Rates and quotas, and the system's limit on files.
pub struct Limits;

impl Check for Limits {
    fn name(&self) -> &'static str {
        "limits"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["settings"]
    }

    fn look(&self, world: &World<'_>) -> Finding {
        let config = match world.good_config() {
            Ok(config) => config,
            Err(finding) => return finding,
        };
        let files =
            world.holder().and_then(|holder| holder.pid).and_then(|pid| files_of(&format!("/proc/{pid}/limits")));
        let is_local = config.listen.addresses.iter().all(|address| address.ip().is_loopback());
        judge(config.limits_on, is_local && world.public_url().is_none(), config.perimeter.connections.total, files)
    }
}

fn judge(on: bool, is_local: bool, connections: usize, files: Option<u64>) -> Finding {
    // Two for each connection, as the server reckons.
    let needed = connections as u64 * 2;
    match (on, files) {
        (false, _) if is_local => Finding::ok("rates and quotas are off, and only this machine reaches the server"),
        (false, _) => Finding::warning(
            "rates and quotas are off: one stranger can take all there is",
            "take `limits = \"off\"` out of the settings; each limit has a setting of its own, see docs/LIMITS.md",
        ),
        (true, Some(files)) if files < needed => Finding::warning(
            format!("rates and quotas are on; {connections} connections need {needed} files, and {files} may be open"),
            "raise `LimitNOFILE=` of the service, or lower `--max-connections`",
        ),
        (true, _) => Finding::ok("rates and quotas are on"),
    }
}

/// What the running process may open.
fn files_of(limits: &str) -> Option<u64> {
    most_files(&std::fs::read_to_string(limits).ok()?)
}

/// `Max open files            1024                 524288               files`
fn most_files(text: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix("Max open files"))?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Outcome;

    #[test]
    fn without_limits_only_a_server_for_this_machine_is_fine() {
        assert_eq!(judge(false, true, 512, None).outcome, Outcome::Ok);
        assert_eq!(judge(false, false, 512, None).outcome, Outcome::Warning);
        assert_eq!(judge(true, false, 512, Some(1024)).outcome, Outcome::Ok);
        assert_eq!(judge(true, false, 513, Some(1024)).outcome, Outcome::Warning);
    }

    #[test]
    fn the_systems_limit_is_read_from_its_table() {
        let table = "Limit                     Soft Limit           Hard Limit           Units     \n\
                     Max open files            1024                 524288               files     \n";
        assert_eq!(most_files(table), Some(1024));
        assert_eq!(most_files("Max open files            unlimited            unlimited            files"), None);
    }
}
