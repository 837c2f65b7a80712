//! `taskferry-server deploy`: the flags of each platform. All of them may be left away on a terminal, where the rest is asked.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `deploy`.
#[derive(Debug, Args)]
#[command(after_help = "\
Nothing is sent anywhere: files are written into a folder, and what to type is shown.
Afterwards, `taskferry-server deploy PLATFORM --check URL` waits until the server is ready
and shows the command that your testers run.")]
pub struct DeployArgs {
    /// Where to.
    #[command(subcommand)]
    pub platform: PlatformArgs,
}

/// The platforms.
#[derive(Debug, Subcommand)]
pub enum PlatformArgs {
    /// Fly.io: one machine with one volume
    Fly(FlyArgs),
    /// Railway: one service with one volume
    Railway(RailwayArgs),
    /// A machine with Docker: the server, and Caddy for HTTPS
    Compose(ComposeArgs),
    /// A Linux machine without containers: a hardened service, and Caddy for HTTPS
    Systemd(SystemdArgs),
}

impl PlatformArgs {
    /// What all of them take.
    pub const fn common(&self) -> &CommonArgs {
        match self {
            Self::Fly(args) => &args.common,
            Self::Railway(args) => &args.common,
            Self::Compose(args) => &args.common,
            Self::Systemd(args) => &args.common,
        }
    }
}

/// What all platforms take.
#[derive(Debug, Args)]
pub struct CommonArgs {
    /// Who may create an account: open, invite or closed [default: open]
    #[arg(long, value_name = "WHO")]
    pub registration: Option<String>,
    /// Folder that the files are written into [default: taskferry-PLATFORM]
    #[arg(long, value_name = "DIR")]
    pub into: Option<PathBuf>,
    /// Write nothing; wait until the server at this address is ready, and show what testers run
    #[arg(long, value_name = "URL", conflicts_with_all = ["registration", "into"])]
    pub check: Option<String>,
    /// How long `--check` waits
    #[arg(long, value_name = "SECONDS", default_value_t = 300, requires = "check")]
    pub wait: u32,
}

/// Where the container image comes from.
#[derive(Debug, Args)]
pub struct ImageArgs {
    /// Ready-made container image [default: built from the clone that you are in]
    #[arg(long, value_name = "IMAGE", conflicts_with = "check")]
    pub image: Option<String>,
}

/// `deploy fly`.
#[derive(Debug, Args)]
pub struct FlyArgs {
    /// Name of the app; the server becomes https://NAME.fly.dev
    #[arg(long, conflicts_with = "check")]
    pub name: Option<String>,
    /// Region, such as fra; `fly platform regions` lists them
    #[arg(long, conflicts_with = "check")]
    pub region: Option<String>,
    /// Memory of the machine in MB [default: 256]
    #[arg(long, value_name = "MB", conflicts_with = "check")]
    pub memory: Option<String>,
    /// Size of the volume in GB, to begin with [default: 1]
    #[arg(long, value_name = "GB", conflicts_with = "check")]
    pub disk: Option<String>,
    /// The image.
    #[command(flatten)]
    pub image: ImageArgs,
    /// The rest.
    #[command(flatten)]
    pub common: CommonArgs,
}

/// `deploy railway`.
#[derive(Debug, Args)]
pub struct RailwayArgs {
    /// Name of the project
    #[arg(long, conflicts_with = "check")]
    pub name: Option<String>,
    /// Region, such as europe-west4-drams3a
    #[arg(long, conflicts_with = "check")]
    pub region: Option<String>,
    /// Size of the volume in GB [default: 1]
    #[arg(long, value_name = "GB", conflicts_with = "check")]
    pub disk: Option<String>,
    /// The image.
    #[command(flatten)]
    pub image: ImageArgs,
    /// The rest.
    #[command(flatten)]
    pub common: CommonArgs,
}

/// `deploy compose`.
#[derive(Debug, Args)]
pub struct ComposeArgs {
    /// Domain name that leads to the machine, such as sync.example.org
    #[arg(long, conflicts_with = "check")]
    pub domain: Option<String>,
    /// Most memory that the server may take, in MB [default: 256]
    #[arg(long, value_name = "MB", conflicts_with = "check")]
    pub memory: Option<String>,
    /// The image.
    #[command(flatten)]
    pub image: ImageArgs,
    /// The rest.
    #[command(flatten)]
    pub common: CommonArgs,
}

/// `deploy systemd`.
#[derive(Debug, Args)]
pub struct SystemdArgs {
    /// Domain name that leads to the machine, such as sync.example.org
    #[arg(long, conflicts_with = "check")]
    pub domain: Option<String>,
    /// The rest.
    #[command(flatten)]
    pub common: CommonArgs,
}
