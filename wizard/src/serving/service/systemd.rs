//! The unit for systemd's instance of one user.

use std::path::{Path, PathBuf};

use super::{MARK, ServiceError, Spec, plain};
use crate::context::Context;

/// The unit. Not `taskferry-server`, which is the name of the system's own in the Debian package.
pub const NAME: &str = "taskferry-home.service";

/// Its file.
pub fn place(context: &Context) -> PathBuf {
    context.config_home().join("systemd/user").join(NAME)
}

/// Its content. Times and codes are the server's: an upgrade may take long, a stop lets pushes end, and a setting that makes no
/// sense makes none the second time either.
pub fn unit(spec: &Spec<'_>) -> Result<String, ServiceError> {
    let (program, data) = (quoted(spec.program)?, quoted(spec.data)?);
    let listen = spec.listen;
    Ok(format!(
        "# {MARK}, removed by `taskferry home remove`.\n\
         [Unit]\n\
         Description=Taskferry, a sync server for Taskwarrior, at home\n\
         \n\
         [Service]\n\
         ExecStart={program} serve --listen {listen} --data-dir {data}\n\
         Type=notify\n\
         NotifyAccess=main\n\
         UMask=0077\n\
         NoNewPrivileges=yes\n\
         TimeoutStartSec=infinity\n\
         TimeoutStopSec=40\n\
         Restart=on-failure\n\
         RestartSec=2\n\
         RestartPreventExitStatus=2\n\
         \n\
         [Install]\n\
         WantedBy=default.target\n"
    ))
}

/// A path as one word of a command line there (systemd.service(5), "COMMAND LINES"): quoted, and with `%` and `$` doubled.
fn quoted(path: &Path) -> Result<String, ServiceError> {
    let text = plain(path)?;
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '%' | '$' => quoted.extend([c, c]),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    Ok(quoted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_names_program_address_and_data() {
        let spec = Spec {
            program: Path::new("/opt/my tools/taskferry-server"),
            listen: "[::1]:8080".parse().unwrap(),
            data: Path::new("/home/ada/100%/$x/\"y\""),
        };
        let unit = unit(&spec).unwrap();
        let command = r#"ExecStart="/opt/my tools/taskferry-server" serve --listen [::1]:8080 --data-dir "/home/ada/100%%/$$x/\"y\"""#;
        assert!(unit.lines().any(|line| line == command), "{unit}");
        assert!(unit.contains("WantedBy=default.target\n"), "{unit}");
    }

    #[test]
    fn a_line_break_in_a_path_makes_no_second_line() {
        let path = Path::new("/home/ada/x\nExecStartPre=/bin/rm");
        assert!(matches!(quoted(path), Err(ServiceError::BadPath { .. })));
    }
}
