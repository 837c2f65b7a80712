//! Does the public address lead here?

use super::outside::{Outside, Reply};
use super::{Check, Finding, World};
use crate::terminal::printable;

/// The address that people type.
pub struct Address;

impl Check for Address {
    fn name(&self) -> &'static str {
        "public address"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["settings"]
    }

    fn look(&self, world: &World<'_>) -> Finding {
        let Some(outside) = world.outside() else {
            return Finding::skipped("none is set; `--public-url` lets invites and messages name it");
        };
        judge(outside, world.info().map(|info| info.epoch.as_str()))
    }
}

fn judge(outside: &Outside, epoch: Option<&str>) -> Finding {
    let url = &outside.url;
    let proxy = "look at the proxy in front: it has to pass everything on to the server, as it came";
    match &outside.reply {
        // From a network of one's own, one's own public address often can't be reached.
        Err(why) if outside.certificate.is_none() => Finding::warning(
            format!("`{url}` can't be reached from here: {}", printable(why)),
            "check name, port and proxy, and try it from another network",
        ),
        Err(_) => Finding::ok(format!("`{url}` answers; whether devices accept its certificate, see `certificate`")),
        Ok(Reply { status: 300..400, .. }) => Finding::problem(
            format!("`{url}` sends devices on to another address, and they don't follow"),
            "set `--public-url` to the address at the end, and let the proxy answer there",
        ),
        Ok(Reply { info: None, status }) => {
            Finding::problem(format!("`{url}` answers {status}, and is not a server of ours"), proxy)
        }
        Ok(Reply { info: Some(info), .. }) if epoch.is_some_and(|epoch| epoch != info.epoch) => {
            Finding::problem(format!("`{url}` leads to another server, with other data"), proxy)
        }
        Ok(_) if !url.is_https() && !url.is_private() => Finding::warning(
            format!("`{url}` answers, without encryption: everybody on the way can read accounts' IDs"),
            "put a proxy with a certificate in front; docs/deploy shows how",
        ),
        Ok(_) => Finding::ok(format!("`{url}` leads here")),
    }
}

#[cfg(test)]
mod tests {
    use taskferry_protocol::describe::{Limits, Registration, SERVER_NAME, ServerInfo};

    use super::*;
    use crate::checks::Outcome;

    fn outside(url: &str, reply: Result<(u16, Option<&str>), &str>) -> Outside {
        let info = |epoch: &str| {
            Box::new(ServerInfo {
                name: SERVER_NAME.into(),
                version: "0.1.0".into(),
                registration: Registration::Open,
                limits: Limits { version_bytes: 1, snapshot_bytes: 1 },
                features: vec![],
                epoch: epoch.into(),
                public_url: None,
            })
        };
        let reply = reply.map(|(status, epoch)| Reply { status, info: epoch.map(info) }).map_err(Into::into);
        Outside { url: url.parse().unwrap(), reply, certificate: None }
    }

    #[test]
    fn whoever_else_answers_there_is_not_taken_for_this_server() {
        let https = "https://tasks.example.org";
        for (outside, outcome, words) in [
            (outside(https, Ok((200, Some("here")))), Outcome::Ok, "leads here"),
            (outside(https, Ok((200, Some("there")))), Outcome::Problem, "another server"),
            (outside(https, Ok((301, None))), Outcome::Problem, "don't follow"),
            (outside(https, Ok((502, None))), Outcome::Problem, "answers 502"),
            (outside(https, Err("no such host")), Outcome::Warning, "can't be reached from here: no such host"),
            (outside("http://198.51.100.7", Ok((200, Some("here")))), Outcome::Warning, "without encryption"),
            (outside("http://192.168.1.7:8080", Ok((200, Some("here")))), Outcome::Ok, "leads here"),
        ] {
            let found = judge(&outside, Some("here"));
            assert_eq!(found.outcome, outcome, "{found:?}");
            assert!(found.sentence.contains(words), "{found:?}");
        }
    }
}
