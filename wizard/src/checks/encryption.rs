//! Is the connection encrypted, and to the right server?

use super::{Check, Finding, Interrupted, Waiting, World};
use crate::server::layers::TlsFlaw;
use crate::server::trust::Authorities;
use crate::terminal::printable;

/// TLS, with the reason when it fails.
pub struct Encryption;

impl Check for Encryption {
    fn name(&self) -> &'static str {
        "encryption"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["connection"]
    }

    fn look(&self, world: &World<'_>, _: Waiting<'_>) -> Result<Finding, Interrupted> {
        let (server, addresses) = match (world.server(), world.addresses()) {
            (Err(finding), _) => return Ok(finding),
            (Ok(server), _) if !server.url().is_https() => {
                return Ok(if server.url().is_private() {
                    Finding::ok("none (`http://`), on a network of your own")
                } else {
                    Finding::warning(
                        "none (`http://`): everybody on the way can read the account's ID",
                        "use an `https://` address; the tasks themselves are encrypted in any case",
                    )
                });
            }
            (_, None) => return Ok(Finding::skipped("the proxy passes it on")),
            (Ok(server), Some(addresses)) => (server, addresses),
        };
        let is_known_to = |authorities| server.handshake(addresses, authorities);
        Ok(match is_known_to(Authorities::All) {
            Err(why) => return Finding::from_server(&why),
            Ok(Err(flaw)) => described(&flaw, server.url().host(), server.url().port()),
            Ok(Ok(())) => match (is_known_to(Authorities::BuiltIn), is_known_to(Authorities::System)) {
                (Err(why), _) | (_, Err(why)) => return Finding::from_server(&why),
                (Ok(built_in), Ok(system)) => known_to(&built_in, &system),
            },
        })
    }
}

/// A valid certificate, by the lists that know whoever signed it.
fn known_to(built_in: &Result<(), TlsFlaw>, system: &Result<(), TlsFlaw>) -> Finding {
    let is_unknown = |known: &Result<(), TlsFlaw>| *known == Err(TlsFlaw::UnknownIssuer);
    match (is_unknown(built_in), is_unknown(system)) {
        (true, false) => Finding::warning(
            "the certificate is valid, but signed by an authority that only this computer knows",
            "each of your computers and phones has to know that authority; where `task sync` fails, it does not",
        ),
        (false, true) => Finding::warning(
            "the certificate is valid, but this system does not know the authority that signed it",
            "Taskwarrior usually asks the system: if `task sync` fails, install or update the package `ca-certificates`",
        ),
        _ => Finding::ok("the certificate is valid"),
    }
}

fn described(flaw: &TlsFlaw, host: &str, port: u16) -> Finding {
    let operator = "ask whoever runs the server to renew it";
    match flaw {
        TlsFlaw::Expired => Finding::problem(
            format!("the certificate of `{host}` has expired"),
            format!("check this computer's date and time; if they are right, {operator}"),
        ),
        TlsFlaw::NotYetValid => Finding::problem(
            format!("the certificate of `{host}` is not valid yet"),
            "check this computer's date and time: the clock is probably slow",
        ),
        TlsFlaw::WrongName => Finding::problem(
            format!("the certificate there is for another name than `{host}`"),
            "check the server's address; its name has to be the one in the certificate",
        ),
        TlsFlaw::UnknownIssuer => Finding::problem(
            format!("the certificate of `{host}` is signed by nobody whom this computer's programs trust"),
            "a company's proxy may stand between, or the server has a self-made certificate\n\
             ask whoever runs the server for a certificate of a public authority, such as Let's Encrypt",
        ),
        TlsFlaw::NotTls => Finding::problem(
            format!("port {port} of `{host}` does not speak TLS"),
            "check the port; or does the server's address begin with `http://`?",
        ),
        TlsFlaw::Other(why) => Finding::problem(
            format!("no encrypted connection with `{host}`: {}", printable(why)),
            "check the server's address, and whether something stands between, such as a company's proxy",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flaw_has_a_sentence_and_a_remedy_of_its_own() {
        use TlsFlaw::{Expired, NotTls, NotYetValid, UnknownIssuer, WrongName};
        let said: std::collections::BTreeSet<_> = [Expired, NotYetValid, WrongName, UnknownIssuer, NotTls]
            .iter()
            .map(|flaw| described(flaw, "a.example", 443))
            .map(|finding| (finding.sentence, finding.remedy.unwrap()))
            .collect();
        assert_eq!(said.len(), 5);
    }

    #[test]
    fn an_authority_that_only_one_of_the_lists_knows_is_a_warning() {
        let (known, unknown) = (Ok(()), Err(TlsFlaw::UnknownIssuer));
        assert_eq!(known_to(&known, &known), Finding::ok("the certificate is valid"));
        let here_alone = known_to(&unknown, &known);
        assert!(here_alone.sentence.ends_with("that only this computer knows"), "{here_alone:?}");
        let not_here = known_to(&known, &unknown);
        assert!(not_here.remedy.unwrap().contains("`ca-certificates`"));
    }
}
