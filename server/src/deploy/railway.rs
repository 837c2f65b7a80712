//! Railway: `.railway/railway.ts` with the answers in it, and the commands of `railway`.

use std::path::Path;

use super::values::{Disk, Image, Name, Policy, Region};
use super::{Deployment, File, Step, shell_path, template};

const PATH: &str = ".railway/railway.ts";

/// What Railway needs to know. It bills memory by use, so there is none to choose.
#[derive(Debug, Clone)]
pub struct Answers {
    /// The project.
    pub name: Name,
    /// Where the service and its volume are.
    pub region: Region,
    /// Who may create an account.
    pub registration: Policy,
    /// Of the volume.
    pub disk: Disk,
    /// Built from the clone if there is none.
    pub image: Option<Image>,
}

/// Files for `folder`, and what to type.
pub fn deployment(answers: &Answers, folder: &Path) -> Deployment {
    let Answers { name, region, registration, disk, image } = answers;
    let mut text = template::fill(
        template::RAILWAY,
        [
            ("const name = \"taskferry\";", format!("const name = \"{name}\";")),
            ("const region = \"europe-west4-drams3a\";", format!("const region = \"{region}\";")),
            ("const registration = \"open\";", format!("const registration = \"{registration}\";")),
            ("const diskMB = 1024;", format!("const diskMB = {};", disk.megabytes())),
        ],
    );
    if let Some(image) = image {
        text = template::fill(
            &text,
            [
                ("import { defineRailway, project,", "import { defineRailway, image, project,".to_owned()),
                (
                    "build: { builder: \"DOCKERFILE\", dockerfilePath: \"Dockerfile\" },",
                    format!("source: image(\"{image}\"),"),
                ),
            ],
        );
    }
    let mut steps = vec![
        Step::new("log in", "railway login"),
        Step::new("create the project", format!("railway init --name {name}")),
        Step::new(
            "create the service and its volume; the changes are shown first",
            format!("railway config apply --file {}", shell_path(&folder.join(PATH))),
        ),
    ];
    if image.is_none() {
        steps.push(Step::new("send the source and build it (about ten minutes)", "railway up --service server"));
    }
    steps.push(Step::new("get a public address; it is printed", "railway domain --service server"));
    steps.push(Step::new("see that it works, with that address", "taskferry-server deploy railway --check https://…"));
    Deployment { files: vec![File { path: PATH, text }], steps }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(image: Option<&str>) -> Answers {
        Answers {
            name: "our-tasks".parse().unwrap(),
            region: "us-west2".parse().unwrap(),
            registration: "closed".parse().unwrap(),
            disk: "2".parse().unwrap(),
            image: image.map(|image| image.parse().unwrap()),
        }
    }

    #[test]
    fn every_answer_arrives_in_the_file() {
        let text = &deployment(&answers(None), Path::new("here")).files[0].text;
        for line in [
            "const name = \"our-tasks\";",
            "const region = \"us-west2\";",
            "const registration = \"closed\";",
            "const diskMB = 2048;",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }

    #[test]
    fn an_image_takes_the_place_of_the_build() {
        let deployment = deployment(&answers(Some("ghcr.io/o/taskferry-server:0.1.0")), Path::new("here"));
        let text = &deployment.files[0].text;
        assert!(text.contains("source: image(\"ghcr.io/o/taskferry-server:0.1.0\"),") && !text.contains("DOCKERFILE"));
        assert!(!deployment.steps.iter().any(|step| step.command.contains("railway up")));
    }
}
