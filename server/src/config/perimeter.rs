//! The settings about strangers: whom to believe about addresses, who may ask how often, how many connections, which origins.

use ipnet::IpNet;

use super::sources::{Env, Given, Setting, Sources};
use super::{ConfigError, or_default, values};
use crate::budget;
use crate::cli::PerimeterArgs;
use crate::perimeter::{ConnectionLimits, Proxies, Rate, RateSettings, Settings, proxies};

pub(super) const TRUSTED_PROXY: Setting = Setting { name: "trusted-proxy", reference: &[] };
pub(super) const CLIENT_IP_HEADER: Setting = Setting { name: "client-ip-header", reference: &[] };
pub(super) const LIMIT_ACCOUNT: Setting = Setting { name: "limit-account", reference: &[] };
pub(super) const LIMIT_ADDRESS: Setting = Setting { name: "limit-address", reference: &[] };
pub(super) const LIMIT_LOOKUPS: Setting = Setting { name: "limit-lookups", reference: &[] };
pub(super) const LIMIT_UNKNOWN: Setting = Setting { name: "limit-unknown", reference: &[] };
pub(super) const LIMIT_NEW_ACCOUNTS: Setting = Setting { name: "limit-new-accounts", reference: &[] };
pub(super) const LIMIT_PAGES: Setting = Setting { name: "limit-pages", reference: &[] };
pub(super) const MAX_CONNECTIONS_PER_ADDRESS: Setting = Setting { name: "max-connections-per-address", reference: &[] };
pub(super) const MAX_CONNECTIONS: Setting = Setting { name: "max-connections", reference: &[] };
pub(super) const ALLOW_ORIGIN: Setting = Setting { name: "allow-origin", reference: &[] };
pub(super) const USER: Setting = Setting { name: "user", reference: &[] };

/// A platform whose proxy is always there, and where without its word all visitors would be one.
struct Platform {
    name: &'static str,
    /// Set by the platform in every container.
    variables: &'static [&'static str],
    header: &'static str,
}

/// Both speak to the container from private addresses, which nobody from outside has.
const PLATFORMS: [Platform; 2] = [
    Platform { name: "Fly.io", variables: &["FLY_APP_NAME", "FLY_MACHINE_ID"], header: "fly-client-ip" },
    Platform { name: "Railway", variables: &["RAILWAY_PROJECT_ID", "RAILWAY_SERVICE_ID"], header: "x-real-ip" },
];

pub(super) fn perimeter(
    sources: &Sources<'_>,
    env: &Env,
    args: &PerimeterArgs,
    limits_on: bool,
    notes: &mut Vec<String>,
) -> Result<Settings, ConfigError> {
    let rates = rates(sources, args)?;
    let connections = connections(sources, args, limits_on)?;
    Ok(Settings { proxies: proxies(sources, env, args, notes)?, rates: limits_on.then_some(rates), connections })
}

/// Origins that may sync from a browser.
pub(super) fn origins(sources: &Sources<'_>, args: &PerimeterArgs) -> Result<Vec<String>, ConfigError> {
    sources
        .find(&ALLOW_ORIGIN, &args.allow_origin)
        .map_or(Ok(Vec::new()), |given| given.parse_list(|text| values::origin(text).map(|origin| vec![origin])))
}

fn proxies(
    sources: &Sources<'_>,
    env: &Env,
    args: &PerimeterArgs,
    notes: &mut Vec<String>,
) -> Result<Proxies, ConfigError> {
    let trusted = sources.find(&TRUSTED_PROXY, &args.trusted_proxy);
    let header = sources.find(&CLIENT_IP_HEADER, args.client_ip_header.as_slice());
    let trusted = trusted.map(|given| given.parse_list(proxies::networks)).transpose()?;
    let header = header.map(|given| given.parse(values::header_name)).transpose()?;
    Ok(match (header, trusted) {
        (None, None) => of_platform(env, notes),
        (header, Some(trusted)) => {
            Proxies { header: Some(header.unwrap_or_else(|| proxies::FORWARDED_FOR.to_owned())), trusted }
        }
        (Some(header), None) => {
            notes.push(format!("`{header}` is not believed from anybody: name the proxy with `--trusted-proxy` too"));
            Proxies::default()
        }
    })
}

fn of_platform(env: &Env, notes: &mut Vec<String>) -> Proxies {
    let on = |platform: &&Platform| platform.variables.iter().all(|name| env.get(name).is_some());
    let Some(platform) = PLATFORMS.iter().find(on) else { return Proxies::default() };
    notes.push(format!("this is {}: addresses are taken from `{}` of its proxy", platform.name, platform.header));
    Proxies { header: Some(platform.header.to_owned()), trusted: private() }
}

fn private() -> Vec<IpNet> {
    proxies::networks("private").unwrap_or_default()
}

fn rates(sources: &Sources<'_>, args: &PerimeterArgs) -> Result<RateSettings, ConfigError> {
    let rate = |setting, flag: &Option<String>, default: Option<Rate>| {
        or_default(sources.find(setting, flag.as_slice()), values::rate, default)
    };
    let default = RateSettings::default();
    Ok(RateSettings {
        account: rate(&LIMIT_ACCOUNT, &args.limit_account, default.account)?,
        address: rate(&LIMIT_ADDRESS, &args.limit_address, default.address)?,
        lookups: rate(&LIMIT_LOOKUPS, &args.limit_lookups, default.lookups)?,
        unknown: rate(&LIMIT_UNKNOWN, &args.limit_unknown, default.unknown)?,
        new_accounts: rate(&LIMIT_NEW_ACCOUNTS, &args.limit_new_accounts, default.new_accounts)?,
        pages: rate(&LIMIT_PAGES, &args.limit_pages, default.pages)?,
    })
}

/// The number in all stays without limits: it protects the server, not the visitors from each other.
fn connections(sources: &Sources<'_>, args: &PerimeterArgs, limits_on: bool) -> Result<ConnectionLimits, ConfigError> {
    let find = |setting, flag: &Option<String>| -> Option<Given> { sources.find(setting, flag.as_slice()) };
    let default = Some(ConnectionLimits::PER_ADDRESS);
    let per_address = or_default(
        find(&MAX_CONNECTIONS_PER_ADDRESS, &args.max_connections_per_address),
        values::count_or_off,
        default,
    )?;
    let total = or_default(
        find(&MAX_CONNECTIONS, &args.max_connections),
        values::count,
        ConnectionLimits::for_memory(budget::machine_memory()),
    )?;
    Ok(ConnectionLimits { total, per_address: per_address.filter(|_| limits_on) })
}
