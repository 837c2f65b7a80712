//! The flags of `serve` about strangers: addresses, rates, connections, origins.

use clap::Args;

/// See the module.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Strangers")]
pub struct PerimeterArgs {
    /// Proxy whose word about addresses is taken: a network, an address, `private` or `loopback`; may be given several
    /// times [default: none; on Fly.io and Railway their own]
    #[arg(long, value_name = "NETWORK")]
    pub trusted_proxy: Vec<String>,
    /// Header in which the trusted proxy says whom it speaks for, such as X-Forwarded-For, X-Real-IP or Fly-Client-IP
    /// [default: X-Forwarded-For, where there is a trusted proxy]
    #[arg(long, value_name = "NAME")]
    pub client_ip_header: Option<String>,
    /// Requests of one account, before they are slowed down [default: 60000/5m]
    #[arg(long, value_name = "RATE")]
    pub limit_account: Option<String>,
    /// Requests for existing accounts from one address, before they are slowed down [default: 120000/5m]
    #[arg(long, value_name = "RATE")]
    pub limit_address: Option<String>,
    /// Requests from one address for accounts that have to be looked up, before they are slowed down [default: 600/1m]
    #[arg(long, value_name = "RATE")]
    pub limit_lookups: Option<String>,
    /// Requests from one address for accounts that don't exist [default: 600/1h]
    #[arg(long, value_name = "RATE")]
    pub limit_unknown: Option<String>,
    /// New accounts from one address [default: 10/1h]
    #[arg(long, value_name = "RATE")]
    pub limit_new_accounts: Option<String>,
    /// Pages, readiness checks and everything else from one address [default: 600/1m]
    #[arg(long, value_name = "RATE")]
    pub limit_pages: Option<String>,
    /// Connections from one address at the same time, or `off` [default: 64]
    #[arg(long, value_name = "COUNT")]
    pub max_connections_per_address: Option<String>,
    /// Connections in all at the same time [default: by the memory, 512 in 256 MiB]
    #[arg(long, value_name = "COUNT")]
    pub max_connections: Option<String>,
    /// Origin of a page that may sync from a browser, such as https://tasks.example.org; may be given several times
    #[arg(long, value_name = "ORIGIN")]
    pub allow_origin: Vec<String>,
    /// User to become when started as root: a name, a UID, or UID:GID
    #[arg(long, value_name = "USER")]
    pub user: Option<String>,
}
