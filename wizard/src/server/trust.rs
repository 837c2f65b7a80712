//! Whom certificates are believed from: the authorities that are built in (those that browsers know), and those of the system's own
//! store, where a company or a person at home may have put one of theirs. Taskwarrior looks into the system's store, some builds of
//! it into the built-in list; a certificate that only one of the two knows works here and not there.

use std::sync::{Arc, OnceLock};

use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{ClientConfig, Error, RootCertStore, crypto};

/// Which authorities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authorities {
    /// All of them: what requests are made with.
    All,
    /// The built-in ones alone.
    BuiltIn,
    /// Those of the system alone.
    System,
}

impl Authorities {
    /// As a store. A system without one, or with entries that make no sense, has so many fewer.
    pub fn store(self) -> RootCertStore {
        let mut store = RootCertStore::empty();
        if self != Self::System {
            store.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        if self != Self::BuiltIn {
            store.add_parsable_certificates(system().iter().cloned());
        }
        store
    }
}

/// How connections are encrypted, with these authorities.
pub fn config(known: RootCertStore) -> Result<ClientConfig, Error> {
    let provider = Arc::new(crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(known).with_no_client_auth())
}

/// The system's store, read once: it is a property of the machine, like its clock. `SSL_CERT_FILE` and `SSL_CERT_DIR` name another
/// one, for Taskwarrior, too.
fn system() -> &'static [CertificateDer<'static>] {
    static STORE: OnceLock<Vec<CertificateDer<'static>>> = OnceLock::new();
    STORE.get_or_init(|| rustls_native_certs::load_native_certs().certs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_authorities_are_those_of_both_lists() {
        let count = |which: Authorities| which.store().len();
        assert!(count(Authorities::BuiltIn) > 50);
        assert!(count(Authorities::All) >= count(Authorities::BuiltIn));
        assert!(count(Authorities::System) <= count(Authorities::All));
    }
}
