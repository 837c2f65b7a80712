//! Does the environment send requests through a proxy?

use super::{Check, Finding, Interrupted, Waiting, World};
use taskferry_protocol::ServerUrl;

use crate::context::Context;
use crate::terminal::printable;

/// The environment variables for proxies.
pub struct Proxy;

impl Check for Proxy {
    fn name(&self) -> &'static str {
        "proxy"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["settings"]
    }

    fn look(&self, world: &World<'_>, _: Waiting<'_>) -> Result<Finding, Interrupted> {
        let server = match world.credentials() {
            Ok(credentials) => &credentials.server,
            Err(finding) => return Ok(finding),
        };
        let Some((variable, value)) = for_server(world.context, server) else {
            return Ok(Finding::ok("none, requests go straight to the server"));
        };
        if server.is_loopback() {
            return Ok(Finding::warning(
                format!("`{variable}` is set: Taskwarrior may look for this very computer through a proxy"),
                format!("run `task sync` with `{variable}` unset"),
            ));
        }
        Ok(Finding::ok(format!("`{variable}` sends requests through `{}`", without_login(&value))))
    }
}

/// The variable that counts for this server, and its value.
pub fn for_server(context: &Context, server: &ServerUrl) -> Option<(&'static str, String)> {
    let by_scheme = if server.is_https() { ["https_proxy", "HTTPS_PROXY"] } else { ["http_proxy", "HTTP_PROXY"] };
    let variables = by_scheme.into_iter().chain(["all_proxy", "ALL_PROXY"]);
    let mut set =
        variables.filter_map(|name| context.var(name).map(|value| (name, value.to_string_lossy().into_owned())));
    set.next().filter(|_| !is_exempt(context, server.host()))
}

/// Whether `NO_PROXY` names the host, or a domain above it.
fn is_exempt(context: &Context, host: &str) -> bool {
    let list = ["no_proxy", "NO_PROXY"].iter().find_map(|name| context.var(name));
    let list = list.map(|list| list.to_string_lossy().into_owned()).unwrap_or_default();
    list.split(',')
        .map(|entry| entry.trim().trim_start_matches('.'))
        .filter(|entry| !entry.is_empty())
        .any(|entry| entry == "*" || host == entry || host.strip_suffix(entry).is_some_and(|rest| rest.ends_with('.')))
}

/// A proxy's address may carry a password.
fn without_login(address: &str) -> String {
    let rest = address.rsplit_once('@').map_or(address, |(_, host)| host);
    printable(rest.split_once("://").map_or(rest, |(_, host)| host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxy(vars: &[(&str, &str)], server: &str) -> Option<String> {
        let mut env: std::collections::BTreeMap<_, _> = vars.iter().map(|(k, v)| (k.into(), v.into())).collect();
        env.insert("HOME".into(), "/".into());
        let context = Context::new(env, "/".into(), false).unwrap();
        for_server(&context, &server.parse().unwrap()).map(|(_, value)| value)
    }

    #[test]
    fn the_variable_of_the_scheme_counts_unless_the_host_is_exempt() {
        let https = [("HTTPS_PROXY", "p:1")];
        assert_eq!(proxy(&https, "https://a.example").as_deref(), Some("p:1"));
        assert_eq!(proxy(&https, "http://a.example"), None);
        for exempt in ["a.example", ".example", "b.example, a.example", "*"] {
            assert_eq!(proxy(&[("HTTPS_PROXY", "p:1"), ("NO_PROXY", exempt)], "https://a.example"), None, "{exempt}");
        }
        assert!(proxy(&[("ALL_PROXY", "p:1"), ("no_proxy", "ample")], "https://a.example").is_some());
    }

    #[test]
    fn a_password_for_the_proxy_is_not_shown() {
        assert_eq!(without_login("http://ada:secret@proxy.example:3128"), "proxy.example:3128");
        assert_eq!(without_login("socks5://proxy.example"), "proxy.example");
    }
}
