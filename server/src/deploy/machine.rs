//! What a Linux machine has already: the package's service, settings that somebody edited, a proxy that serves other sites. What is
//! there is added to, never replaced.

use std::path::Path;

use super::template;

/// Where packages put their units; `/lib` where it is not a link to `/usr/lib`.
const UNITS: [&str; 2] =
    ["usr/lib/systemd/system/taskferry-server.service", "lib/systemd/system/taskferry-server.service"];
const SETTINGS: &str = "etc/taskferry/server.toml";
const CADDYFILE: &str = "etc/caddy/Caddyfile";

/// What is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Machine {
    /// The package brought the program, its user and its service.
    pub has_package: bool,
    /// The server's settings.
    pub settings: Option<String>,
    /// The proxy serves something else.
    pub has_other_sites: bool,
}

impl Machine {
    /// Looks at the machine whose root directory is `root`.
    pub fn look(root: &Path) -> Self {
        let read = |path: &str| std::fs::read_to_string(root.join(path)).ok();
        Self {
            has_package: UNITS.iter().any(|unit| root.join(unit).is_file()),
            settings: read(SETTINGS),
            has_other_sites: read(CADDYFILE).is_some_and(|text| has_other_sites(&text)),
        }
    }

    /// Whether the settings are as the package brings them, to the letter.
    pub fn has_settings_as_brought(&self) -> bool {
        self.settings.as_deref() == Some(template::SERVER_TOML)
    }

    /// Whether the settings say this already.
    pub fn says(&self, public_url: &str, registration: &str) -> bool {
        let Some(Ok(settings)) = self.settings.as_deref().map(str::parse::<toml::Table>) else { return false };
        let text = |key| settings.get(key).and_then(toml::Value::as_str);
        text("public_url").map(|url| url.trim_end_matches('/')) == Some(public_url)
            && text("registration").unwrap_or("open") == registration
    }
}

/// Whether a `Caddyfile` has sites other than the welcome page that Caddy's packages bring, and not just ours.
fn has_other_sites(text: &str) -> bool {
    let mut depth = 0_usize;
    let mut sites = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
        if let Some(name) = line.strip_suffix('{')
            && depth == 0
        {
            sites.push(name.trim().to_owned());
        }
        depth += line.matches('{').count();
        depth = depth.saturating_sub(line.matches('}').count());
    }
    let is_ours = text.contains("reverse_proxy 127.0.0.1:8080");
    let others = sites.iter().filter(|site| !site.is_empty() && *site != ":80").count();
    others > usize::from(is_ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    const WELCOME: &str = "# The Caddyfile is an easy way to configure your Caddy web server.\n:80 {\n\troot * /usr/share/caddy\n\
                           \tfile_server\n}\n# Refer to the Caddy docs\n";

    #[test]
    fn a_welcome_page_and_our_own_site_are_no_other_sites() {
        let ours = template::CADDYFILE.replace("server:8080", "127.0.0.1:8080");
        assert!(!has_other_sites(WELCOME) && !has_other_sites(&ours) && !has_other_sites(""));
        let blog = "blog.example.org {\n\trespond \"hello\"\n}\n";
        assert!(has_other_sites(blog) && has_other_sites(&format!("{ours}\n{blog}")));
        assert!(has_other_sites("(snippet) {\n}\n"), "what others build on");
    }

    #[test]
    fn settings_are_known_by_what_they_say() {
        let machine = |text: &str| Machine { settings: Some(text.to_owned()), ..Machine::default() };
        assert!(machine(template::SERVER_TOML).has_settings_as_brought());
        let edited = machine("public_url = \"https://a.example/\"\nbackup_every = \"1d\"\n");
        assert!(edited.says("https://a.example", "open") && !edited.has_settings_as_brought());
        assert!(!edited.says("https://a.example", "invite") && !edited.says("https://b.example", "open"));
        assert!(!machine("this is no TOML").says("https://a.example", "open"));
        assert!(!Machine::default().says("https://a.example", "open"));
    }

    #[test]
    fn a_machine_is_looked_at_where_packages_put_things() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(Machine::look(root.path()), Machine::default());
        for (file, text) in [(UNITS[0], ""), (SETTINGS, "x = 1"), (CADDYFILE, "a.example {\n}\n")] {
            let path = root.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let found = Machine::look(root.path());
        assert!(found.has_package && found.has_other_sites);
        assert_eq!(found.settings.as_deref(), Some("x = 1"));
    }
}
