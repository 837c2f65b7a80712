//! The agent for launchd, which starts it when its user logs in. It runs our own keeper rather than the server: launchd would
//! let a log file grow for ever.

use std::fmt::Write as _;
use std::path::PathBuf;

use super::{MARK, ServiceError, Spec, plain};
use crate::context::Context;
use crate::serving::keeper;

const LABEL: &str = "taskferry-home";

/// Its file.
pub fn place(context: &Context) -> PathBuf {
    context.home().join("Library/LaunchAgents").join(format!("{LABEL}.plist"))
}

/// The user's own services.
pub fn domain() -> String {
    format!("gui/{}", rustix::process::getuid().as_raw())
}

/// This one.
pub fn target() -> String {
    format!("{}/{LABEL}", domain())
}

/// Its content.
pub fn agent(context: &Context, spec: &Spec<'_>) -> Result<String, ServiceError> {
    let own = context.program.clone().ok_or(ServiceError::NoManager)?;
    let mut words = String::new();
    for word in keeper::command_line(own, spec.listen, spec.data) {
        let word = PathBuf::from(word);
        let _ = writeln!(words, "    <string>{}</string>", escaped(plain(&word)?));
    }
    // The server is found beside this program, or where it was found now.
    let folder = spec.program.parent().unwrap_or(spec.program);
    let path = escaped(plain(folder)?);
    Ok(format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" \"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n\
         <!-- {MARK}, removed by `taskferry home remove`. -->\n\
         <plist version=\"1.0\">\n\
         <dict>\n\
         \x20 <key>Label</key>\n\
         \x20 <string>{LABEL}</string>\n\
         \x20 <key>ProgramArguments</key>\n\
         \x20 <array>\n\
         {words}\
         \x20 </array>\n\
         \x20 <key>EnvironmentVariables</key>\n\
         \x20 <dict>\n\
         \x20   <key>PATH</key>\n\
         \x20   <string>{path}:/usr/bin:/bin</string>\n\
         \x20 </dict>\n\
         \x20 <key>RunAtLoad</key>\n\
         \x20 <true/>\n\
         \x20 <key>KeepAlive</key>\n\
         \x20 <dict>\n\
         \x20   <key>SuccessfulExit</key>\n\
         \x20   <false/>\n\
         \x20 </dict>\n\
         \x20 <key>ExitTimeOut</key>\n\
         \x20 <integer>40</integer>\n\
         \x20 <key>ProcessType</key>\n\
         \x20 <string>Background</string>\n\
         </dict>\n\
         </plist>\n"
    ))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_agent_runs_the_keeper_with_every_word_apart() {
        let env = [("HOME".into(), "/Users/ada".into())].into();
        let mut context = Context::new(env, "/".into(), false).unwrap();
        context.program = Some("/opt/a & b/taskferry".into());
        let spec = Spec {
            program: Path::new("/opt/a & b/taskferry-server"),
            listen: "127.0.0.1:8080".parse().unwrap(),
            data: Path::new("/Users/ada/<data>"),
        };
        let agent = agent(&context, &spec).unwrap();
        let words: Vec<&str> = agent
            .split_once("<array>")
            .and_then(|(_, rest)| rest.split_once("</array>"))
            .unwrap()
            .0
            .lines()
            .filter_map(|line| line.trim().strip_prefix("<string>")?.strip_suffix("</string>"))
            .collect();
        let keeper = ["/opt/a &amp; b/taskferry", "home", "keep", "--listen", "127.0.0.1:8080"];
        assert_eq!(words, [&keeper[..], &["--data-dir", "/Users/ada/&lt;data&gt;"]].concat());
        assert!(place(&context).ends_with("Library/LaunchAgents/taskferry-home.plist"));
    }
}
