//! A Linux machine without containers: the hardened unit as it is, the answers in `server.toml`, and a `Caddyfile`.

use std::path::Path;

use super::machine::Machine;
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

/// Files for `folder`, and what to type on `machine`; `program` is where this program lies.
pub fn deployment(answers: &Answers, folder: &Path, program: &Path, machine: &Machine) -> Deployment {
    let Answers { domain, registration } = answers;
    let url = format!("https://{domain}");
    let settings = template::fill(
        template::SERVER_TOML,
        [
            ("registration = \"open\"", format!("registration = \"{registration}\"")),
            ("#public_url = \"https://sync.example.org\"", format!("public_url = \"{url}\"")),
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
    let settings = File { path: "server.toml", text: settings };
    let caddyfile = File { path: "Caddyfile", text: caddyfile };
    let (folder, program) = (shell_path(folder), shell_path(program));
    let (mut files, mut steps) = if machine.has_package {
        beside_a_package(answers, &url, &folder, machine, settings)
    } else {
        by_itself(&folder, &program, settings)
    };
    files.push(caddyfile);
    steps.push(proxy(domain, machine));
    steps.push(Step::new("see that it works", format!("taskferry-server deploy systemd --check {url}")));
    Deployment { files, steps }
}

/// Everything from this program.
fn by_itself(folder: &str, program: &str, settings: File) -> (Vec<File>, Vec<Step>) {
    let files = vec![
        File { path: "taskferry-server.service", text: template::UNIT.to_owned() },
        File { path: "taskferry-server.conf", text: template::SYSUSERS.to_owned() },
        settings,
    ];
    let steps = vec![
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
    ];
    (files, steps)
}

/// The package brought program, user and service, and upgrades them: a second program in `/usr/local/bin` would run in the place of
/// every later one.
fn beside_a_package(
    Answers { registration, .. }: &Answers,
    url: &str,
    folder: &str,
    machine: &Machine,
    settings: File,
) -> (Vec<File>, Vec<Step>) {
    let cd = Step::new("go to the files; the service and its user are the package's", format!("cd {folder}"));
    if machine.says(url, registration.as_str()) {
        return (Vec::new(), vec![cd]);
    }
    if machine.has_settings_as_brought() {
        let install = "sudo install -m 0644 server.toml /etc/taskferry/server.toml\n\
                       sudo systemctl restart taskferry-server";
        return (vec![settings], vec![cd, Step::new("give it its settings", install)]);
    }
    // Somebody's own lines stay.
    let edit = format!(
        "sudoedit /etc/taskferry/server.toml\n\
         # public_url = \"{url}\"\n\
         # registration = \"{registration}\"\n\
         sudo systemctl restart taskferry-server"
    );
    (Vec::new(), vec![cd, Step::new("let its settings have these two lines, without the `#`", edit)])
}

fn proxy(domain: &Domain, machine: &Machine) -> Step {
    if machine.has_other_sites {
        return Step::new(
            format!(
                "add the blocks of `Caddyfile` to Caddy's, which has other sites: the first one at its\n   \
                 beginning, the second one at its end; this machine must be {domain}"
            ),
            "sudoedit /etc/caddy/Caddyfile\nsudo systemctl reload caddy",
        );
    }
    Step::new(
        format!("put HTTPS in front of it, with Caddy; this machine must be {domain}"),
        "sudo install -m 0644 Caddyfile /etc/caddy/Caddyfile\nsudo systemctl reload caddy",
    )
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
        let files =
            deployment(&answers, Path::new("here"), Path::new("/x/taskferry-server"), &Machine::default()).files;
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
        let files =
            deployment(&answers, Path::new("here"), Path::new("/x/taskferry-server"), &Machine::default()).files;
        assert!(files[3].text.contains("\nsync.example.org {\n"));
        assert!(files[3].text.contains("reverse_proxy 127.0.0.1:8080 {"));
        assert!(files[2].text.contains("\nregistration = \"closed\"\n"));
    }
    fn typed(machine: &Machine) -> (Vec<&'static str>, String) {
        let answers = Answers { domain: "sync.example.org".parse().unwrap(), registration: "invite".parse().unwrap() };
        let made = deployment(&answers, Path::new("here"), Path::new("/usr/bin/taskferry-server"), machine);
        let commands: Vec<String> = made.steps.into_iter().map(|step| step.command).collect();
        (made.files.iter().map(|file| file.path).collect(), commands.join("\n"))
    }

    #[test]
    fn beside_the_package_no_second_program_is_installed_and_nobodys_settings_are_replaced() {
        let packaged =
            |settings: &str| Machine { has_package: true, settings: Some(settings.to_owned()), has_other_sites: false };
        let (files, typed_first) = typed(&packaged(template::SERVER_TOML));
        assert_eq!(files, ["server.toml", "Caddyfile"]);
        assert!(typed_first.starts_with("cd here\nsudo install -m 0644 server.toml /etc/taskferry/server.toml\n"));
        let said = "public_url = \"https://sync.example.org\"\nregistration = \"invite\"\nbackup_every = \"1d\"";
        let (files, nothing_to_set) = typed(&packaged(said));
        assert_eq!(files, ["Caddyfile"]);
        assert!(nothing_to_set.starts_with("cd here\nsudo install -m 0644 Caddyfile"), "{nothing_to_set}");
        let (files, by_hand) = typed(&packaged("backup_every = \"1d\""));
        assert_eq!(files, ["Caddyfile"]);
        assert!(by_hand.contains("sudoedit /etc/taskferry/server.toml\n# public_url = \"https://sync.example.org\"\n"));
        for commands in [typed_first, nothing_to_set, by_hand] {
            assert!(!commands.contains("/usr/local/bin") && !commands.contains("sysusers"), "{commands}");
            assert!(commands.ends_with("\ntaskferry-server deploy systemd --check https://sync.example.org"));
        }
        assert!(typed(&Machine::default()).1.contains("/usr/local/bin/taskferry-server"));
    }

    #[test]
    fn a_proxy_with_other_sites_keeps_them() {
        let (_, commands) = typed(&Machine { has_other_sites: true, ..Machine::default() });
        assert!(!commands.contains("install -m 0644 Caddyfile"), "{commands}");
    }
}
