#!/usr/bin/env bash
# Moves a whole town: fills a reference server's data directory with the published reference crates, takes it over, and compares
# every ID and every byte with what came out.
#
#   tests/move-many.sh [ACCOUNTS]        10,000 by default; the disk has to have room for it twice
#
# `SERVER=PROGRAM` names another `taskferry-server` than the one that Cargo builds, `THEIRS=DIR` a directory that is filled already.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
accounts=${1:-10000}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

theirs=${THEIRS:-}
if [[ -z $theirs ]]; then
  theirs=$work/theirs
  cargo build --locked --manifest-path "$root/bench/peer/Cargo.toml" --bin taskferry-bench-fill
  "$root/bench/peer/target/debug/taskferry-bench-fill" --data-dir "$theirs" --accounts "$accounts"
fi
server=${SERVER:-}
if [[ -z $server ]]; then
  cargo build --locked --manifest-path "$root/Cargo.toml" -p taskferry-server
  server=$root/target/debug/taskferry-server
fi

echo "== taken over"
time "$server" import --from "$theirs" --data-dir "$work/ours"
echo "== once more: all of it is there already"
time "$server" import --from "$theirs" --data-dir "$work/ours"
echo "== every chain walked"
time "$server" db check --data-dir "$work/ours"
echo "== compared byte for byte"
python3 - "$theirs/taskchampion-sync-server.sqlite3" "$work/ours/taskferry.sqlite3" <<'PYTHON'
import hashlib, sqlite3, sys, uuid

theirs, ours = (sqlite3.connect(f"file:{path}?mode=ro", uri=True) for path in sys.argv[1:])
raw = lambda text: uuid.UUID(text).bytes
digest = lambda body: hashlib.sha256(body).digest()


def body(inline, blob):
    if blob is None:
        return inline
    pieces = ours.execute("SELECT data FROM chunk WHERE blob = ? ORDER BY seq", (blob,))
    return b"".join(piece for (piece,) in pieces)


versions = {}
for client, parent, version, content in theirs.execute("SELECT client_id, parent_version_id, version_id, history_segment FROM versions"):
    versions[raw(client), raw(version)] = (raw(parent), digest(content))
arrived = 0
rows = ours.execute("SELECT client_id, parent, version, body, blob FROM version JOIN account ON account.id = version.account")
for client, parent, version, inline, blob in rows:
    assert versions[client, version] == (parent, digest(body(inline, blob))), "a version is another one"
    arrived += 1
assert arrived == len(versions), (arrived, len(versions))

snapshots = 0
for client, latest, at, content in theirs.execute("SELECT client_id, latest_version_id, snapshot_version_id, snapshot FROM clients"):
    row = ours.execute("SELECT latest, snapshot_version, body, blob FROM account LEFT JOIN snapshot ON account = id WHERE client_id = ?", (raw(client),)).fetchone()
    assert row is not None, "an account is missing"
    assert row[0] == raw(latest), "another end"
    if at is not None:
        assert (row[1], digest(body(row[2], row[3]))) == (raw(at), digest(content)), "another snapshot"
        snapshots += 1
print(f"{arrived} versions and {snapshots} snapshots are the same, byte for byte")
PYTHON
