//! The settings about strangers: whom to believe about addresses, who may ask how often, how many connections, which
//! origins.

use ipnet::IpNet;

use super::sources::{Env, Given, Setting, Sources};
use super::{ConfigError, or_default, values};
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
    memory: u64,
    notes: &mut Vec<String>,
) -> Result<Settings, ConfigError> {
    let rates = rates(sources, args)?;
    let connections = connections(sources, args, limits_on, memory)?;
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

fn platform(env: &Env) -> Option<&'static Platform> {
    PLATFORMS.iter().find(|platform| platform.variables.iter().all(|name| env.get(name).is_some()))
}

/// What is said on a platform that is known, if nothing else was asked for.
pub(crate) fn platform_note(env: &Env) -> Option<String> {
    let Platform { name, header, .. } = platform(env)?;
    Some(format!("this is {name}: addresses are taken from `{header}` of its proxy"))
}

fn of_platform(env: &Env, notes: &mut Vec<String>) -> Proxies {
    let Some(platform) = platform(env) else { return Proxies::default() };
    notes.extend(platform_note(env));
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
fn connections(
    sources: &Sources<'_>,
    args: &PerimeterArgs,
    limits_on: bool,
    memory: u64,
) -> Result<ConnectionLimits, ConfigError> {
    let find = |setting, flag: &Option<String>| -> Option<Given> { sources.find(setting, flag.as_slice()) };
    let default = Some(ConnectionLimits::PER_ADDRESS);
    let per_address = or_default(
        find(&MAX_CONNECTIONS_PER_ADDRESS, &args.max_connections_per_address),
        values::count_or_off,
        default,
    )?;
    let total =
        or_default(find(&MAX_CONNECTIONS, &args.max_connections), values::count, ConnectionLimits::for_memory(memory))?;
    Ok(ConnectionLimits { total, per_address: per_address.filter(|_| limits_on) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::ServeArgs;
    use crate::config::Config;

    fn load(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let mut env = Env::from_pairs([("HOME", "/home/someone")]);
        env.extend(pairs.iter().copied());
        Config::load(&ServeArgs::default(), &env)
    }

    fn proxies(pairs: &[(&str, &str)]) -> (Option<String>, usize, usize) {
        let config = load(pairs).unwrap();
        let Proxies { header, trusted } = config.perimeter.proxies;
        (header, trusted.len(), config.notes.len())
    }

    #[test]
    fn nobody_is_trusted_by_default_and_a_header_alone_is_not_believed() {
        assert_eq!(proxies(&[]), (None, 0, 0));
        assert_eq!(proxies(&[("TASKFERRY_CLIENT_IP_HEADER", "X-Real-IP")]), (None, 0, 1));
    }

    #[test]
    fn a_trusted_proxy_speaks_by_x_forwarded_for_unless_told_otherwise() {
        let trusted = ("TASKFERRY_TRUSTED_PROXY", "loopback, 192.0.2.0/24,2001:db8::1");
        assert_eq!(proxies(&[trusted]), (Some("x-forwarded-for".into()), 4, 0));
        let header = ("TASKFERRY_CLIENT_IP_HEADER", "X-Real-IP");
        assert_eq!(proxies(&[trusted, header]), (Some("x-real-ip".into()), 4, 0));
        let wrong = load(&[("TASKFERRY_TRUSTED_PROXY", "everybody")]).unwrap_err().to_string();
        assert!(wrong.contains("`everybody` is not a network such as"), "{wrong}");
    }

    #[test]
    fn the_proxies_of_known_platforms_are_believed_and_one_can_say_otherwise() {
        let fly = [("FLY_APP_NAME", "tasks"), ("FLY_MACHINE_ID", "1")];
        assert_eq!(proxies(&fly).0.as_deref(), Some("fly-client-ip"));
        let railway = [("RAILWAY_PROJECT_ID", "1"), ("RAILWAY_SERVICE_ID", "2")];
        assert_eq!(proxies(&railway).0.as_deref(), Some("x-real-ip"));
        let other = [fly[0], fly[1], ("TASKFERRY_TRUSTED_PROXY", "loopback")];
        assert_eq!(proxies(&other), (Some("x-forwarded-for".into()), 2, 0));
    }

    #[test]
    fn every_rate_has_a_flag_and_one_switch_switches_all_off() {
        let rates = |pairs: &[(&str, &str)]| load(pairs).unwrap().perimeter.rates;
        assert_eq!(rates(&[]), Some(RateSettings::default()));
        let names = ["ACCOUNT", "ADDRESS", "LOOKUPS", "UNKNOWN", "NEW_ACCOUNTS", "PAGES"];
        let variables: Vec<String> = names.iter().map(|name| format!("TASKFERRY_LIMIT_{name}")).collect();
        let off: Vec<(&str, &str)> = variables.iter().map(|name| (name.as_str(), "off")).collect();
        assert_eq!(rates(&off), Some(RateSettings::OFF));
        assert_eq!(rates(&[("TASKFERRY_LIMITS", "off")]), None);
        let connections = load(&[("TASKFERRY_LIMITS", "off"), ("TASKFERRY_MAX_CONNECTIONS", "7")]).unwrap();
        assert_eq!(connections.perimeter.connections, ConnectionLimits { total: 7, per_address: None });
        let wrong = load(&[("TASKFERRY_LIMIT_PAGES", "many")]).unwrap_err().to_string();
        assert_eq!(
            wrong,
            "`TASKFERRY_LIMIT_PAGES`: `many` is not a rate such as `10/1h`, `600/1m` or `50/1s`, or `off`"
        );
    }

    /// What the operator's page says is what is in force.
    #[test]
    fn the_published_rates_are_the_real_ones() {
        let published = include_str!("../../../docs/LIMITS.md");
        let RateSettings { account, address, lookups, unknown, new_accounts, pages } = RateSettings::default();
        for (setting, rate) in [
            (&LIMIT_ACCOUNT, account),
            (&LIMIT_ADDRESS, address),
            (&LIMIT_LOOKUPS, lookups),
            (&LIMIT_UNKNOWN, unknown),
            (&LIMIT_NEW_ACCOUNTS, new_accounts),
            (&LIMIT_PAGES, pages),
        ] {
            let row = format!("| `--{}` | `{}` |", setting.name, rate.unwrap());
            assert!(published.contains(&row), "{row}");
        }
        let connections = format!("| `--{}` | {};", MAX_CONNECTIONS_PER_ADDRESS.name, ConnectionLimits::PER_ADDRESS);
        assert!(published.contains(&connections), "{connections}");
    }
}
