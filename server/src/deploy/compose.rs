//! A machine with Docker: `compose.yaml` and `Caddyfile` as they are, and the answers in `.env`.

use std::path::Path;

use super::values::{Domain, Image, Memory, Policy};
use super::{Deployment, File, Step, shell_path, template};

/// What Docker needs to know.
#[derive(Debug, Clone)]
pub struct Answers {
    /// Leads to the machine already; Caddy gets a certificate for it.
    pub domain: Domain,
    /// Who may create an account.
    pub registration: Policy,
    /// The most that the server may take.
    pub memory: Memory,
    /// Where the image comes from.
    pub origin: Origin,
}

/// Where the image comes from.
#[derive(Debug, Clone)]
pub enum Origin {
    /// Ready-made.
    Image(Image),
    /// Built from this clone, named by its full path.
    Clone(String),
}

/// Files for `folder`, and what to type.
pub fn deployment(answers: &Answers, folder: &Path) -> Deployment {
    let Answers { domain, registration, memory, origin } = answers;
    let (origin, up) = match origin {
        Origin::Image(image) => (format!("SYNC_IMAGE={image}"), "docker compose up --detach --wait --pull always"),
        // In single quotes nothing is interpolated, and the path has been looked at: it holds none.
        Origin::Clone(path) => (format!("SYNC_SOURCE='{path}'"), "docker compose up --detach --wait --build"),
    };
    let env = format!(
        "# Read by `docker compose`, see compose.yaml.\n\
         SYNC_DOMAIN={domain}\n\
         SYNC_REGISTRATION={registration}\n\
         SYNC_MEMORY={memory}m\n\
         {origin}\n"
    );
    Deployment {
        files: vec![
            File { path: "compose.yaml", text: template::COMPOSE.to_owned() },
            File { path: "Caddyfile", text: template::CADDYFILE.to_owned() },
            File { path: ".env", text: env },
        ],
        steps: vec![
            Step::new(
                "see that the name leads to this machine; ports 80 and 443 have to be open",
                format!("getent hosts {domain}"),
            ),
            Step::new("start both containers, and wait until they are healthy", {
                format!("cd {}\n{up}", shell_path(folder))
            }),
            Step::new("see that it works", format!("taskferry-server deploy compose --check https://{domain}")),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(origin: Origin) -> Answers {
        Answers {
            domain: "sync.example.org".parse().unwrap(),
            registration: "invite".parse().unwrap(),
            memory: "512".parse().unwrap(),
            origin,
        }
    }

    #[test]
    fn the_answers_stand_in_env_and_the_other_files_are_the_repositorys() {
        let files = deployment(&answers(Origin::Clone("/src/task ferry".into())), Path::new("here")).files;
        assert_eq!(files[0].text, template::COMPOSE);
        assert_eq!(files[1].text, template::CADDYFILE);
        assert_eq!(
            files[2].text,
            "# Read by `docker compose`, see compose.yaml.\n\
             SYNC_DOMAIN=sync.example.org\nSYNC_REGISTRATION=invite\nSYNC_MEMORY=512m\nSYNC_SOURCE='/src/task ferry'\n"
        );
    }

    #[test]
    fn every_value_in_env_is_one_that_compose_asks_for() {
        for origin in [Origin::Clone("/src".into()), Origin::Image("ghcr.io/o/r:1".parse().unwrap())] {
            let files = deployment(&answers(origin), Path::new("here")).files;
            for line in files[2].text.lines().filter(|line| !line.starts_with('#')) {
                let (name, _) = line.split_once('=').unwrap();
                assert!(template::COMPOSE.contains(&format!("${{{name}:")), "{name}");
            }
        }
    }
}
