//! Writes a data directory as the reference server would have it, by the published reference crates themselves: many accounts
//! with histories of all kinds, for trying out an import. With bodies of random bytes; nobody could read real ones either.

use std::error::Error;
use std::path::PathBuf;

use taskchampion_sync_server_core::{AddVersionResult, NIL_VERSION_ID, Server, ServerConfig, ServerError};
use taskchampion_sync_server_storage_sqlite::SqliteStorage;
use uuid::Uuid;

const USAGE: &str = "usage: taskferry-bench-fill --data-dir DIR --accounts N";

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some("--data-dir"), Some(dir)) = (args.next().as_deref(), args.next()) else { return Err(USAGE.into()) };
    let (Some("--accounts"), Some(accounts)) = (args.next().as_deref(), args.next()) else { return Err(USAGE.into()) };
    let accounts: u64 = accounts.parse()?;
    actix_web::rt::System::new().block_on(fill(PathBuf::from(dir), accounts))
}

async fn fill(data_dir: PathBuf, accounts: u64) -> Result<(), Box<dyn Error>> {
    std::fs::create_dir_all(&data_dir)?;
    let core = Server::new(ServerConfig::default(), SqliteStorage::new(data_dir)?);
    let (mut versions, mut snapshots) = (0_u64, 0_u64);
    for number in 0..accounts {
        let shape = Shape::of(number);
        let client = Uuid::new_v4();
        let mut txn = core.txn(client).await?;
        txn.new_client(NIL_VERSION_ID).await?;
        txn.commit().await?;
        // Whoever moved to the reference from elsewhere does not begin at nil.
        let mut latest = if shape.moved { Uuid::new_v4() } else { NIL_VERSION_ID };
        for version in 0..shape.versions {
            latest = add(&core, client, latest, bytes(number << 20 | version, shape.bytes)).await?;
            versions += 1;
            if shape.snapshot_at == Some(version) {
                core.add_snapshot(client, latest, bytes(number, shape.snapshot_bytes)).await?;
                snapshots += 1;
            }
        }
        if (number + 1) % 1000 == 0 {
            eprintln!("{} of {accounts} accounts", number + 1);
        }
    }
    println!("{accounts} accounts, {versions} versions, {snapshots} snapshots");
    Ok(())
}

async fn add(core: &Server, client: Uuid, parent: Uuid, body: Vec<u8>) -> Result<Uuid, Box<dyn Error>> {
    match core.add_version(client, parent, body).await {
        Ok((AddVersionResult::Ok(version), _)) => Ok(version),
        Ok((AddVersionResult::ExpectedParentVersion(_), _)) => Err("a version was refused".into()),
        Err(error) => Err(told(error)),
    }
}

fn told(error: ServerError) -> Box<dyn Error> {
    error.to_string().into()
}

/// What an account looks like.
struct Shape {
    versions: u64,
    bytes: usize,
    moved: bool,
    snapshot_at: Option<u64>,
    snapshot_bytes: usize,
}

impl Shape {
    /// Most are small; one in a thousand has a long history, and another one large bodies; some have nothing yet.
    fn of(number: u64) -> Self {
        let usual = Self {
            versions: number % 6,
            bytes: 200 + (number % 7) as usize * 300,
            moved: number % 11 == 5,
            snapshot_at: (number % 3 == 1).then_some(number % 6 / 2),
            snapshot_bytes: 2_000 + (number % 13) as usize * 1_000,
        };
        match number % 1000 {
            500 => Self { versions: 500, ..usual },
            700 => Self { versions: 3, bytes: 1_500_000, snapshot_at: Some(2), snapshot_bytes: 3_000_000, ..usual },
            _ => usual,
        }
    }
}

/// The same for the same seed.
fn bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    let words = std::iter::from_fn(|| {
        // SplitMix64.
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        Some((mixed ^ (mixed >> 31)).to_le_bytes())
    });
    words.flatten().take(length).collect()
}
