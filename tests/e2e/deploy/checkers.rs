//! Each platform's own parser or linter accepts its file; and Caddy, run with ours, does what it is there for.
//!
//! The programs come from `tests/setup-deploy.sh`; without them these tests are ignored.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use e2e::command::run;
use e2e::http::Request;
use e2e::port::Port;
use e2e::wait;
use tempfile::TempDir;

use super::{read, repository};
use crate::{PROGRAMS, server};

/// The library's types are its own matter (`skipLibCheck`), and Node's are not needed (`types`).
const TSCONFIG: &str = r#"{
  "compilerOptions": {
    "noEmit": true, "strict": true, "skipLibCheck": true, "types": [],
    "target": "es2022", "module": "esnext", "moduleResolution": "bundler"
  },
  "files": ["railway.ts"]
}"#;

/// A program that `tests/setup-deploy.sh` brought.
fn tool(path: &str) -> Command {
    let mut command = Command::new(Path::new(env!("DEPLOY_TOOLS")).join(path));
    command.current_dir(repository());
    command
}

/// What `taskferry-server deploy` writes with these arguments, in a folder that ends with the value.
#[track_caller]
fn written(arguments: &[&str]) -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut command = Command::new(PROGRAMS.server);
    command.arg("deploy").args(arguments).arg("--into").arg(folder.path());
    run(&mut command, "").good();
    folder
}

#[test]
#[cfg_attr(not(deploy_tools), ignore = "needs checkers: run tests/setup-deploy.sh")]
fn caddy_accepts_its_file_as_it_is_and_as_it_is_written_for_a_service() {
    let for_service = written(&["systemd", "--domain", "sync.example.org"]);
    for file in [repository().join("Caddyfile"), for_service.path().join("Caddyfile")] {
        for arguments in [&["validate", "--adapter", "caddyfile", "--config"][..], &["fmt"][..]] {
            let mut caddy = tool("python/bin/caddy");
            caddy.args(arguments).arg(&file).env("SYNC_DOMAIN", "sync.example.org").env("HOME", for_service.path());
            run(&mut caddy, "").good();
        }
    }
}

/// Caddy with our Caddyfile, on plain http and a port of its own, in front of `upstream`.
struct Caddy {
    child: Child,
    port: Port,
    home: TempDir,
}

impl Caddy {
    #[track_caller]
    fn in_front_of(upstream: SocketAddr) -> Self {
        let home = tempfile::tempdir().expect("a temporary folder");
        let port = Port::reserve();
        let ours = read("Caddyfile");
        // No port for administrators: all Caddies of a machine would have the same.
        let text = ours.replacen("{\n", "{\n\tadmin off\n", 1).replace("server:8080", &upstream.to_string());
        assert!(text.contains("admin off") && text.contains(&upstream.to_string()));
        let (file, log) = (home.path().join("Caddyfile"), home.path().join("log"));
        fs::write(&file, text).expect("a Caddyfile");
        let child = tool("python/bin/caddy")
            .args(["run", "--adapter", "caddyfile", "--config"])
            .arg(&file)
            .env_clear()
            .env("HOME", home.path())
            .env("SYNC_DOMAIN", format!("http://{}", port.address()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log).expect("a log"))
            .spawn()
            .expect("Caddy");
        let caddy = Self { child, port, home };
        wait::until("Caddy answers", || Request::get("/livez").try_send(caddy.port.address()).is_ok());
        caddy
    }

    fn log(&self) -> String {
        fs::read_to_string(self.log_file()).expect("Caddy's log")
    }

    fn log_file(&self) -> PathBuf {
        self.home.path().join("log")
    }
}

impl Drop for Caddy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
#[cfg_attr(not(deploy_tools), ignore = "needs checkers: run tests/setup-deploy.sh")]
fn a_push_reaches_the_server_through_caddy() {
    let server = server();
    let caddy = Caddy::in_front_of(server.address());
    let account = e2e::Account::unknown_to(caddy.port.address());
    assert_eq!(account.register().status, 201);
}

/// Whoever has the ID can fetch the account's sealed tasks, and Caddy logs the headers of what it could not pass on.
#[test]
#[cfg_attr(not(deploy_tools), ignore = "needs checkers: run tests/setup-deploy.sh")]
fn caddy_logs_no_accounts_id_when_the_server_is_away() {
    const ID: &str = "0b1f3a52-6c7d-4e8f-9a0b-1c2d3e4f5a6b";
    let nobody = Port::reserve();
    let caddy = Caddy::in_front_of(nobody.address());
    let answer = Request::get("/v1/client/snapshot")
        .header("X-Client-Id", ID)
        .header("X-Seen", "seen")
        .send(caddy.port.address());
    assert_eq!(answer.status, 502);
    wait::until("Caddy has logged the failure", || caddy.log().contains("X-Seen"));
    assert!(!caddy.log().contains(ID), "{}", caddy.log());
}

#[test]
#[cfg_attr(not(deploy_tools), ignore = "needs checkers: run tests/setup-deploy.sh")]
fn scripts_are_free_of_known_mistakes() {
    let scripts = [
        "install.sh",
        "deploy/debian/postrm",
        ".ci/book",
        ".ci/changelog",
        ".ci/image-size",
        ".ci/packages",
        ".ci/release-notes",
        "tests/image.sh",
        "tests/setup-deploy.sh",
    ];
    run(tool("python/bin/shellcheck").args(scripts), "").good();
}

#[test]
#[cfg_attr(not(deploy_tools), ignore = "needs checkers: run tests/setup-deploy.sh")]
fn the_image_is_built_by_the_rules() {
    run(tool("python/bin/hadolint").args(["--failure-threshold", "info", "Dockerfile"]), "").good();
}

#[test]
#[cfg_attr(not(deploy_tools), ignore = "needs checkers: run tests/setup-deploy.sh")]
fn compose_and_workflows_fit_their_schemas() {
    let check = |schema: &str, files: &[&str]| {
        run(tool("python/bin/check-jsonschema").args(["--builtin-schema", schema]).args(files), "").good();
    };
    check("vendor.compose-spec", &["compose.yaml"]);
    check("vendor.github-workflows", &[".github/workflows/ci.yml", ".github/workflows/release.yml"]);
}

#[test]
#[cfg_attr(not(deploy_tools), ignore = "needs checkers: run tests/setup-deploy.sh")]
fn kubernetes_knows_every_field() {
    for file in ["statefulset", "service"] {
        let path = format!("deploy/kubernetes/{file}.yaml");
        run(tool("python/bin/kubernetes-validate").args(["--strict", &path]), "").good();
    }
}

/// The guide's `kustomization.yaml` and `ingress.yaml`, beside a clone as the guide says.
#[test]
#[cfg_attr(not(deploy_tools), ignore = "needs checkers: run tests/setup-deploy.sh")]
fn the_overlay_of_the_guide_yields_the_image_and_the_address_that_it_names() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let own = folder.path().join("own");
    fs::create_dir(&own).expect("a folder");
    std::os::unix::fs::symlink(repository().canonicalize().expect("the clone"), folder.path().join("taskferry"))
        .expect("a clone");
    let guide = read("docs/deploy/kubernetes.md");
    let mut blocks = guide.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap_or_default());
    for name in ["kustomization.yaml", "ingress.yaml"] {
        let block = blocks.next().unwrap_or_else(|| panic!("the guide has no {name}"));
        // As it stands in a numbered list: three columns to the right.
        let lines: Vec<&str> = block.lines().map(|line| line.strip_prefix("   ").unwrap_or(line)).collect();
        fs::write(own.join(name), lines.join("\n")).expect(name);
    }
    let rendered = run(tool("python/bin/kubectl").arg("kustomize").arg(&own), "").good().stdout;
    for line in
        ["image: registry.example.org/taskferry-server:0.1.0", "value: https://sync.example.org", "value: invite"]
    {
        assert!(rendered.contains(line), "{line}\n{rendered}");
    }
    assert!(!rendered.contains("value: open"), "{rendered}");
    let all = folder.path().join("all.yaml");
    fs::write(&all, rendered).expect("all.yaml");
    run(tool("python/bin/kubernetes-validate").arg("--strict").arg(&all), "").good();
}

#[test]
#[cfg_attr(not(deploy_tools), ignore = "needs checkers: run tests/setup-deploy.sh")]
fn railways_file_has_the_types_of_railways_library() {
    let from_image = written(&[
        "railway",
        "--name",
        "our-tasks",
        "--region",
        "us-west2",
        "--image",
        "ghcr.io/example/taskferry-server:0.1.0",
    ]);
    let of_image = fs::read_to_string(from_image.path().join(".railway/railway.ts")).expect("railway.ts");
    let ours = read(".railway/railway.ts");
    let typed = |text: &str| {
        let folder = tempfile::tempdir().expect("a temporary folder");
        fs::write(folder.path().join("railway.ts"), text).expect("railway.ts");
        let modules = Path::new(env!("DEPLOY_TOOLS")).join("node/node_modules");
        std::os::unix::fs::symlink(modules, folder.path().join("node_modules")).expect("a link to the library");
        fs::write(folder.path().join("tsconfig.json"), TSCONFIG).expect("tsconfig.json");
        run(tool("node/node_modules/.bin/tsc").current_dir(folder.path()), "")
    };
    typed(&ours).good();
    typed(&of_image).good();
    // The types are looked at indeed.
    let wrong = typed(&ours.replacen("sizeMB", "sizeGB", 1)).exits_with(2);
    assert!(wrong.stdout.contains("sizeGB"), "{wrong}");
}

#[test]
#[cfg_attr(not(systemd_analyze), ignore = "needs systemd-analyze")]
fn systemd_accepts_the_unit_and_finds_it_well_contained() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let unit = folder.path().join("taskferry-server.service");
    // The program is not installed here, but there is one.
    let ours = read("deploy/systemd/taskferry-server.service");
    let text = ours.replacen("ExecStart=taskferry-server ", &format!("ExecStart={} ", PROGRAMS.server), 1);
    assert_ne!(text, ours);
    fs::write(&unit, text).expect("a unit");

    let verified = run(Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&unit), "").good();
    // An unknown directive is a warning to it, and names the file.
    let about_ours = verified.stderr.lines().filter(|line| line.contains("taskferry"));
    assert_eq!(about_ours.collect::<Vec<_>>(), [] as [&str; 0], "{verified}");

    // From 0, which nothing reaches, to 100, in tenths of what is printed.
    let mut security = Command::new("systemd-analyze");
    security.args(["security", "--offline=true", "--threshold=15", "--no-pager"]).arg(&unit);
    run(&mut security, "").good();
}
