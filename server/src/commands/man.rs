//! `taskferry-server man`: the manual page, made of the same words as `--help`.

use clap::CommandFactory as _;

use super::VerbError;
use crate::cli::Cli;
use crate::cli::operate::ManArgs;
use crate::terminal;

/// Carries out the verb.
pub fn run(args: &ManArgs) -> Result<(), VerbError> {
    let failed = |path: &std::path::Path, cause| VerbError::File { path: path.to_owned(), cause };
    if let Some(dir) = &args.dir {
        // New systems have no folder for manual pages of their own yet.
        let written = fs_err::create_dir_all(dir).and_then(|()| clap_mangen::generate_to(Cli::command(), dir));
        return written.map_err(|cause| failed(dir, cause));
    }
    let mut page = Vec::new();
    let rendered = clap_mangen::Man::new(Cli::command()).render(&mut page);
    rendered.map_err(|cause| failed("the manual page".as_ref(), cause))?;
    terminal::print(String::from_utf8_lossy(&page).trim_end());
    Ok(())
}
