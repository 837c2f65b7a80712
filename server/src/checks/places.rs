//! Do the backups lie where the data's end is not theirs too?

use std::path::Path;

use super::{Check, Finding, World};
use crate::backup::store::destination::Destination;

/// Where backups go.
pub struct Places;

impl Check for Places {
    fn name(&self) -> &'static str {
        "backup places"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["settings", "data directory"]
    }

    fn look(&self, world: &World<'_>) -> Finding {
        let (config, directory) = match (world.good_config(), world.data_dir()) {
            (Ok(config), Ok(directory)) => (config, directory),
            (Err(finding), _) | (_, Err(finding)) => return finding,
        };
        let places = &config.backups.plan.destinations;
        let elsewhere =
            places.iter().filter(|place| place.folder().is_none_or(|folder| !is_same_volume(folder, directory)));
        judge(places, elsewhere.count())
    }
}

fn judge(places: &[Destination], elsewhere: usize) -> Finding {
    let shown = places.iter().map(|place| format!("`{place}`")).collect::<Vec<_>>().join(", ");
    if elsewhere > 0 {
        return Finding::ok(shown);
    }
    Finding::warning(
        format!("{shown}: on the data's own volume, and lost with it"),
        "name a second place too: `--backup-to DIR --backup-to s3://BUCKET/PREFIX`",
    )
}

/// Where the nearest folder that is there already lies.
#[cfg(unix)]
fn is_same_volume(folder: &Path, data: &Path) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let device = |path: &Path| path.ancestors().find_map(|path| std::fs::metadata(path).ok()).map(|found| found.dev());
    device(folder) == device(data)
}

#[cfg(not(unix))]
fn is_same_volume(folder: &Path, data: &Path) -> bool {
    folder.starts_with(data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::Outcome;

    #[test]
    fn a_folder_beside_the_data_is_on_its_volume_also_before_it_is_there() {
        let dir = tempfile::tempdir().unwrap();
        assert!(is_same_volume(&dir.path().join("backups/deeper"), dir.path()));
        let places = [Destination::Folder("/data/backups".into())];
        assert_eq!((judge(&places, 0).outcome, judge(&places, 1).outcome), (Outcome::Warning, Outcome::Ok));
    }
}
