//! A Linux machine without containers: the hardened unit as it is, the answers in `server.toml`, and a `Caddyfile`.

use std::path::Path;

use super::values::{Domain, Policy};
use super::{Deployment, File, Step, shell_path, template};

/// What the machine needs to know.
#[derive(Debug, Clone)]
pub struct Answers {
    /// Leads to the machine already; Caddy gets a certificate for it.
    pub domain: Domain,
    /// Who may create an account.
    pub registration: Policy,
}

/// Files for `folder`, and what to type; `program` is where this program lies.
pub fn deployment(answers: &Answers, folder: &Path, program: &Path) -> Deployment {
    let Answers { domain, registration } = answers;
    let settings = template::fill(
        template::SERVER_TOML,
        [
            ("registration = \"open\"", format!("registration = \"{registration}\"")),
            ("#public_url = \"https://sync.example.org\"", format!("public_url = \"https://{domain}\"")),
        ],
    );
    let caddyfile = template::fill(
        template::CADDYFILE,
        [
            (", for compose.yaml;", " on the same machine;".to_owned()),
            ("{$SYNC_DOMAIN}", domain.to_string()),
            ("server:8080", "127.0.0.1:8080".to_owned()),
        ],
    );
    let (folder, program) = (shell_path(folder), shell_path(program));
    Deployment {
        files: vec![
            File { path: "taskferry-server.service", text: template::UNIT.to_owned() },
            File { path: "taskferry-server.conf", text: template::SYSUSERS.to_owned() },
            File { path: "server.toml", text: settings },
            File { path: "Caddyfile", text: caddyfile },
        ],
        steps: vec![
            Step::new(
                "install the program and its settings",
                format!(
                    "sudo install -m 0755 {program} /usr/local/bin/taskferry-server\n\
                     cd {folder}\n\
                     sudo install -D -m 0644 server.toml /etc/taskferry/server.toml"
                ),
            ),
            Step::new(
                "give it a user of its own",
                "sudo install -D -m 0644 taskferry-server.conf /etc/sysusers.d/taskferry-server.conf\n\
                 sudo systemd-sysusers taskferry-server.conf",
            ),
            Step::new(
                "start it, now and after every boot",
                "sudo install -m 0644 taskferry-server.service /etc/systemd/system/\n\
                 sudo systemctl daemon-reload\n\
                 sudo systemctl enable --now taskferry-server",
            ),
            Step::new(
                format!("put HTTPS in front of it, with Caddy; this machine must be {domain}"),
                "sudo install -m 0644 Caddyfile /etc/caddy/Caddyfile\nsudo systemctl reload caddy",
            ),
            Step::new("see that it works", format!("taskferry-server deploy systemd --check https://{domain}")),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::ServeArgs;
    use crate::config::Config;
    use crate::config::sources::Env;

    #[test]
    fn the_server_reads_the_settings_that_are_written() {
        let answers = Answers { domain: "sync.example.org".parse().unwrap(), registration: "open".parse().unwrap() };
        let files = deployment(&answers, Path::new("here"), Path::new("/x/taskferry-server")).files;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("server.toml");
        std::fs::write(&path, &files[2].text).unwrap();

        let config = Config::load(&ServeArgs { config: Some(path), ..ServeArgs::default() }, &Env::default()).unwrap();
        assert_eq!(config.public_url.unwrap().as_str(), "https://sync.example.org");
        assert_eq!(config.data_dir, Path::new("/var/lib/taskferry"));
        assert_eq!(config.listen.addresses, ["127.0.0.1:8080".parse().unwrap()]);
        assert_eq!(config.notes, [] as [String; 0]);
    }

    #[test]
    fn caddy_speaks_for_the_domain_to_the_address_that_the_server_listens_on() {
        let answers = Answers { domain: "sync.example.org".parse().unwrap(), registration: "closed".parse().unwrap() };
        let files = deployment(&answers, Path::new("here"), Path::new("/x/taskferry-server")).files;
        assert!(files[3].text.contains("\nsync.example.org {\n"));
        assert!(files[3].text.contains("reverse_proxy 127.0.0.1:8080 {"));
        assert!(files[2].text.contains("\nregistration = \"closed\"\n"));
    }
}
