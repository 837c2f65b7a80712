//! The real binary: exit codes, and what goes to which stream. What is said in detail is tested beside the commands.

#![expect(clippy::unwrap_used, reason = "a test may be blunt: a panic here is a finding")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// Runs `taskferry` in an empty home, without a terminal, with the stand-in for Taskwarrior.
fn taskferry(home: &Path, words: &str, input: &str) -> Output {
    let task = concat!(env!("CARGO_MANIFEST_DIR"), "/src/testing/task.sh");
    let mut child = Command::new(env!("CARGO_BIN_EXE_taskferry"))
        .args(["--task", task])
        .args(words.split_whitespace())
        .env_clear()
        .env("HOME", home)
        .env("PATH", "/usr/bin:/bin")
        .current_dir(home)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A program that does not want the input may be gone before it is written.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// Exit code, standard output, standard error.
fn run(words: &str, input: &str) -> (i32, String, String) {
    let home = TempDir::new().unwrap();
    outcome(&taskferry(home.path(), words, input))
}

fn outcome(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_bare_call_says_where_to_start() {
    let (code, data, talk) = run("", "");
    assert_eq!((code, talk.as_str()), (0, ""));
    assert!(data.contains("Where to start:") && data.contains("taskferry setup"), "{data}");
}

#[test]
fn help_and_version_are_data() {
    for words in ["--help", "help", "setup --help", "--version"] {
        let (code, data, talk) = run(words, "");
        assert_eq!((code, talk.as_str()), (0, ""), "{words}");
        assert!(!data.is_empty(), "{words}");
    }
}

#[test]
fn completions_and_manual_pages_are_data_and_know_every_command() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let (code, data, talk) = run(&format!("completions {shell}"), "");
        assert_eq!((code, talk.as_str()), (0, ""), "{shell}");
        assert!(["setup", "join", "verify", "undo"].iter().all(|command| data.contains(command)), "{shell}: {data}");
    }
    let (code, data, _) = run("man", "");
    assert_eq!(code, 0);
    assert!(data.contains(".TH taskferry 1") && data.contains("doctor"), "{data}");
    let (code, data, _) = run("man doctor", "");
    assert_eq!(code, 0);
    assert!(data.contains("\\-\\-fix") && data.contains(".TH taskferry-doctor 1"), "{data}");
    let (code, data, talk) = run("man boat", "");
    assert_eq!((code, data.as_str()), (2, ""));
    assert!(talk.starts_with("error: there is no command `boat`\n"), "{talk}");
}

#[test]
fn a_wrong_command_line_is_a_usage_error() {
    for words in [
        "launch",
        "setup --server",
        "setup --cloud --skip",
        "share --link --text",
        "share --qr --png x",
        "join --image",
        "join --color pink",
        "setup --server tasks.example.org",
    ] {
        let (code, data, talk) = run(words, "");
        assert_eq!((code, data.as_str()), (2, ""), "{words}");
        assert!(talk.starts_with("error: "), "{words}: {talk}");
    }
}

#[test]
fn without_a_terminal_nothing_is_asked() {
    let (code, data, talk) = run("setup", "yes\n");
    assert_eq!((code, data.as_str()), (2, ""));
    assert!(talk.ends_with("hint: add `--server https://…`, `--cloud`, `--home` or `--skip`\n"), "{talk}");
    let (code, _, talk) = run("join", "yes\n");
    assert_eq!(code, 2);
    assert!(talk.contains("`--from-stdin`"), "{talk}");
}

#[test]
fn a_failure_is_exit_1_with_a_hint_on_standard_error() {
    let (code, data, talk) = run("join --from-stdin --yes", "not a link");
    assert_eq!((code, data.as_str()), (1, ""));
    let (found, error) = talk.split_once('\n').unwrap();
    assert!(found.starts_with("found Taskwarrior"), "{talk}");
    insta::assert_snapshot!(error, @r"
    error: this is neither a setup link nor sync settings

    hint: run `taskferry share` on the first computer and copy the whole link
    ");
}

#[test]
fn colour_is_off_in_a_pipe_and_on_by_flag() {
    assert!(!run("share", "").2.contains('\u{1b}'));
    assert!(run("share --color always", "").2.contains('\u{1b}'));
}

#[test]
fn what_is_shared_is_on_standard_output_alone() {
    let home = TempDir::new().unwrap();
    let settings = "sync.server.url=https://tasks.example.org\n\
                    sync.server.client_id=7ec5a4d2-0b1e-4c39-9f5d-3a6c8e2b7f10\n\
                    sync.encryption_secret=sesame\n";
    std::fs::write(home.path().join(".taskrc"), settings).unwrap();
    let (code, data, talk) = outcome(&taskferry(home.path(), "share --text", ""));
    assert_eq!((code, data.as_str()), (0, settings));
    assert!(!talk.contains("sesame"), "{talk}");
}

#[test]
fn plain_http_to_a_public_address_needs_its_flag() {
    let link = "sync.server.url=http://tasks.example.org\n\
                sync.server.client_id=7ec5a4d2-0b1e-4c39-9f5d-3a6c8e2b7f10\n\
                sync.encryption_secret=sesame\n";
    let (code, _, talk) = run("join --from-stdin --yes", link);
    assert_eq!(code, 1);
    assert!(talk.contains("uses plain http") && talk.contains("`--insecure-http`"), "{talk}");
}

/// A sync server behind TLS, with a certificate that only the file knows.
fn behind_tls(home: &Path) -> (String, std::path::PathBuf) {
    use tokio_rustls::rustls;
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["localhost".into()]).unwrap().self_signed(&key).unwrap();
    let file = home.join("authority.pem");
    let base64 = data_encoding::BASE64.encode(certificate.der());
    let lines: Vec<&str> = base64.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"));
    std::fs::write(&file, pem).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let config =
        rustls::ServerConfig::builder_with_provider(std::sync::Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
    let config = std::sync::Arc::new(config);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut connection = rustls::ServerConnection::new(config.clone()).unwrap();
            let mut tls = rustls::Stream::new(&mut connection, &mut stream);
            let mut request = [0; 4096];
            let Ok(length) = std::io::Read::read(&mut tls, &mut request) else { continue };
            let is_root = request[..length].starts_with(b"GET / ");
            let answer: &[u8] = if is_root {
                b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 24\r\n\r\nTaskChampion sync server"
            } else {
                b"HTTP/1.1 404 X\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
            };
            let _ = tls.write_all(answer);
            connection.send_close_notify();
            let _ = connection.complete_io(&mut stream);
        }
    });
    (url, file)
}

#[test]
fn an_authority_in_the_systems_store_is_believed_and_a_stranger_is_not() {
    let home = TempDir::new().unwrap();
    let (url, authority) = behind_tls(home.path());
    let set_up = |store: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_taskferry"));
        command.args(["--task", concat!(env!("CARGO_MANIFEST_DIR"), "/src/testing/task.sh")]);
        command.args(["setup", "--dry-run", "--server", &url]).env_clear().env("HOME", home.path());
        command.env("PATH", "/usr/bin:/bin").env("SSL_CERT_FILE", store).current_dir(home.path());
        outcome(&command.output().unwrap())
    };
    let (code, _, talk) = set_up(&authority);
    assert_eq!(code, 0, "{talk}");
    assert!(talk.contains(&format!("found a TaskChampion sync server at `{url}`")), "{talk}");
    // A store that is not there leaves the built-in authorities, which don't know this one.
    let (code, _, talk) = set_up(&home.path().join("none.pem"));
    assert_eq!(code, 1, "{talk}");
    assert!(talk.contains("could not reach the sync server") && talk.contains("UnknownIssuer"), "{talk}");
}

/// Windows has no library of ours: there the program only says where to go. Compiled here as it would be there.
#[test]
fn where_there_is_no_unix_the_program_says_where_to_go() {
    let folder = TempDir::new().unwrap();
    let source = include_str!("../src/main.rs");
    let as_there = source.replace("#[cfg(unix)]", "#[cfg(any())]").replace("#[cfg(not(unix))]", "#[cfg(all())]");
    assert_ne!(as_there, source);
    let file = folder.path().join("main.rs");
    std::fs::write(&file, as_there).unwrap();
    let program = folder.path().join("taskferry");
    let compiler = option_env!("RUSTC").unwrap_or("rustc");
    let built = Command::new(compiler).args(["--edition", "2024", "-o"]).arg(&program).arg(&file).output().unwrap();
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let (code, data, talk) = outcome(&Command::new(&program).output().unwrap());
    assert_eq!((code, data.as_str()), (1, ""));
    assert!(talk.contains("on Windows that is WSL") && talk.contains("hint: run `wsl --install`"), "{talk}");
}
