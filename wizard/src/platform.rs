//! What the computer runs, as far as it matters for the advice on how to get Taskwarrior 3.

use std::path::Path;

/// What the computer runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Platform {
    /// macOS.
    MacOs,
    /// Linux, by its `/etc/os-release`.
    Linux {
        /// `ID`, and behind it what `ID_LIKE` has: `ubuntu`, `debian`.
        ids: Vec<String>,
        /// `PRETTY_NAME`, for people.
        name: String,
    },
    /// Something else, or nobody looked.
    Unknown,
}

impl Platform {
    /// Of the computer that this runs on.
    pub fn here() -> Self {
        if cfg!(target_os = "macos") {
            return Self::MacOs;
        }
        let places = [Path::new("/etc/os-release"), Path::new("/usr/lib/os-release")];
        let text = places.iter().find_map(|place| std::fs::read_to_string(place).ok());
        text.map_or(Self::Unknown, |text| Self::of_os_release(&text))
    }

    /// Reads an `os-release` file (<https://www.freedesktop.org/software/systemd/man/os-release.html>).
    pub fn of_os_release(text: &str) -> Self {
        let value = |key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            line.map(|value| crate::terminal::printable(value.trim_matches(['"', '\''])))
        };
        let ids = format!("{} {}", value("ID").unwrap_or_default(), value("ID_LIKE").unwrap_or_default());
        let ids: Vec<String> = ids.split_whitespace().map(str::to_ascii_lowercase).collect();
        let name = value("PRETTY_NAME").or_else(|| ids.first().cloned());
        name.map_or(Self::Unknown, |name| Self::Linux { ids, name })
    }

    /// The command that installs Taskwarrior, and whether it gets version 3 on every release that is still in use.
    fn package(&self) -> Option<(&'static str, bool)> {
        let ids = match self {
            Self::MacOs => return Some(("brew install task", true)),
            Self::Linux { ids, .. } => ids,
            Self::Unknown => return None,
        };
        ids.iter().find_map(|id| {
            Some(match id.as_str() {
                "debian" | "ubuntu" => ("sudo apt install taskwarrior", false),
                "fedora" | "rhel" | "centos" => ("sudo dnf install task", false),
                "arch" => ("sudo pacman -S task", true),
                "alpine" => ("sudo apk add task", true),
                "suse" | "opensuse" => ("sudo zypper install taskwarrior", false),
                "gentoo" => ("sudo emerge --ask app-misc/task", true),
                "nixos" => ("nix-env -iA nixos.taskwarrior3", true),
                _ => return None,
            })
        })
    }

    /// How to get Taskwarrior 3 here: hints, one a line. `has_brew`: Homebrew is on the PATH, which some have on Linux, too.
    pub fn how_to_install(&self, has_brew: bool) -> String {
        let others = "other ways: https://taskwarrior.org/download/";
        match (self.package(), self) {
            (Some((command, true)), _) => format!("run `{command}`\n{others}"),
            (Some(_) | None, _) if has_brew => format!("run `brew install task`\n{others}"),
            (Some((command, false)), Self::Linux { name, .. }) => format!(
                "run `{command}`\n\
                 if that gives version 2, {name} has no newer one: with Homebrew (https://brew.sh), \
                 run `brew install task`\n{others}"
            ),
            _ => "install Taskwarrior 3: https://taskwarrior.org/download/".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UBUNTU: &str = "PRETTY_NAME=\"Ubuntu 24.04.1 LTS\"\nNAME=\"Ubuntu\"\nID=ubuntu\nID_LIKE=debian\n";
    const MANJARO: &str = "NAME=\"Manjaro Linux\"\nID=manjaro\nID_LIKE=arch\n";

    #[test]
    fn the_advice_is_the_command_of_this_system_or_of_the_one_it_is_made_from() {
        let advice = |text: &str| Platform::of_os_release(text).how_to_install(false);
        assert!(advice("ID=fedora\n").starts_with("run `sudo dnf install task`\n"));
        assert!(advice(MANJARO).starts_with("run `sudo pacman -S task`\n"));
        assert!(
            advice("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n").starts_with("run `sudo apt install taskwarrior`\n")
        );
        assert!(advice("ID=homemade\n").starts_with("install Taskwarrior 3"));
        assert!(advice("nonsense").starts_with("install Taskwarrior 3"));
        assert!(Platform::MacOs.how_to_install(false).starts_with("run `brew install task`\n"));
    }

    #[test]
    fn where_the_package_may_be_version_2_there_is_another_way() {
        let ubuntu = Platform::of_os_release(UBUNTU);
        let advice = ubuntu.how_to_install(false);
        assert!(advice.contains("if that gives version 2, Ubuntu 24.04.1 LTS has no newer one"), "{advice}");
        assert!(ubuntu.how_to_install(true).starts_with("run `brew install task`\n"));
    }
}
