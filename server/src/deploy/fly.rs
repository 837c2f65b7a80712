//! Fly.io: `fly.toml` with the answers in it, and the commands of `fly`.

use std::path::Path;

use super::values::{Disk, Image, Memory, Name, Policy, Region};
use super::{Deployment, File, Step, shell_path, template};

/// What Fly.io needs to know.
#[derive(Debug, Clone)]
pub struct Answers {
    /// The app, and the first part of its address.
    pub name: Name,
    /// Where the machine and its volume are.
    pub region: Region,
    /// Who may create an account.
    pub registration: Policy,
    /// Of the machine.
    pub memory: Memory,
    /// Of the volume, to begin with.
    pub disk: Disk,
    /// Built from the clone if there is none.
    pub image: Option<Image>,
}

/// Files for `folder`, and what to type.
pub fn deployment(answers: &Answers, folder: &Path) -> Deployment {
    let Answers { name, region, registration, memory, disk, image } = answers;
    let text = template::fill(
        template::FLY,
        [
            ("app = \"taskferry\"", format!("app = \"{name}\"")),
            ("primary_region = \"fra\"", format!("primary_region = \"{region}\"")),
            ("https://taskferry.fly.dev", format!("https://{name}.fly.dev")),
            ("TASKFERRY_REGISTRATION = \"open\"", format!("TASKFERRY_REGISTRATION = \"{registration}\"")),
            ("initial_size = \"1GB\"", format!("initial_size = \"{disk}GB\"")),
            ("memory = \"256mb\"", format!("memory = \"{memory}mb\"")),
        ],
    );
    let config = shell_path(&folder.join("fly.toml"));
    let image = image.as_ref().map(|image| format!(" --image {image}")).unwrap_or_default();
    Deployment {
        files: vec![File { path: "fly.toml", text }],
        steps: vec![
            Step::new("log in", "fly auth login"),
            Step::new("take the name", format!("fly apps create {name}")),
            Step::new(
                "create the volume and one machine (two would be two servers); some minutes",
                format!("fly deploy --config {config}{image} --ha=false"),
            ),
            Step::new("see that it works", format!("taskferry-server deploy fly --check https://{name}.fly.dev")),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers() -> Answers {
        Answers {
            name: "our-tasks".parse().unwrap(),
            region: "ams".parse().unwrap(),
            registration: "invite".parse().unwrap(),
            memory: "512".parse().unwrap(),
            disk: "3".parse().unwrap(),
            image: None,
        }
    }

    #[test]
    fn every_answer_arrives_in_the_file() {
        let deployment = deployment(&answers(), Path::new("here"));
        let file: toml::Table = deployment.files[0].text.parse().unwrap();
        assert_eq!(file["app"].as_str(), Some("our-tasks"));
        assert_eq!(file["primary_region"].as_str(), Some("ams"));
        assert_eq!(file["env"]["TASKFERRY_PUBLIC_URL"].as_str(), Some("https://our-tasks.fly.dev"));
        assert_eq!(file["env"]["TASKFERRY_REGISTRATION"].as_str(), Some("invite"));
        assert_eq!(file["mounts"][0]["initial_size"].as_str(), Some("3GB"));
        assert_eq!(file["vm"][0]["memory"].as_str(), Some("512mb"));
    }

    #[test]
    fn the_commands_name_the_app_the_file_and_the_image() {
        let commands = |answers: &Answers| -> Vec<String> {
            deployment(answers, Path::new("my files")).steps.into_iter().map(|step| step.command).collect()
        };
        assert_eq!(
            commands(&answers()),
            [
                "fly auth login",
                "fly apps create our-tasks",
                "fly deploy --config 'my files/fly.toml' --ha=false",
                "taskferry-server deploy fly --check https://our-tasks.fly.dev",
            ]
        );
        let with_image = Answers { image: Some("ghcr.io/o/taskferry-server:0.1.0".parse().unwrap()), ..answers() };
        assert!(commands(&with_image)[2].contains(" --image ghcr.io/o/taskferry-server:0.1.0 "));
    }
}
