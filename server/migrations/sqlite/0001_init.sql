-- The first schema. Every key leads with the account, so that no account's requests ever walk another's entries; what the
-- chain promises (docs/ARCHITECTURE.md, "Invariants") is a constraint wherever SQL can say it at a price worth paying.
-- IDs are 16-byte BLOBs; times are whole seconds since 1970-01-01 UTC; sizes are bytes.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Everything that a request needs to know before it reads a body, in one row: one look-up by client ID finds it, and one
-- update by client ID adds a version.
CREATE TABLE account (
    -- Short key for the other tables; client IDs appear here only. The server remembers it with the account, and would look
    -- into another account's data if a key were ever given out twice; AUTOINCREMENT sees to it that none is.
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    client_id        BLOB    NOT NULL UNIQUE CHECK (length(client_id) = 16),
    state            INTEGER NOT NULL DEFAULT 0 CHECK (state IN (0, 1, 2)),               -- 0 active, 1 disabled, 2 deleted
    reason           TEXT    CHECK (reason IS NULL OR (state = 1 AND length(reason) BETWEEN 1 AND 200)), -- why disabled
    -- A deleted account can be brought back until this moment. While its data is being erased this is 0, and then NULL. The row
    -- stays for ever: an old device must not quietly start the account again.
    erase_at         INTEGER CHECK (erase_at IS NULL OR state = 2),
    latest           BLOB    NOT NULL DEFAULT (zeroblob(16)) CHECK (length(latest) = 16), -- nil: empty
    -- The up to four IDs before the latest, newest first: a snapshot may be made at one of these five versions. Kept here
    -- instead of an index on version IDs, which would cost every version a page write and serve nothing else.
    earlier          BLOB    NOT NULL DEFAULT x'' CHECK (length(earlier) IN (0, 16, 32, 48, 64)),
    versions         INTEGER NOT NULL DEFAULT 0 CHECK (versions >= 0),                    -- stored now
    version_bytes    INTEGER NOT NULL DEFAULT 0 CHECK (version_bytes >= 0),               -- in those versions
    added            INTEGER NOT NULL DEFAULT 0 CHECK (added >= versions),                -- ever; never goes down
    created_at       INTEGER NOT NULL,
    last_version_at  INTEGER,
    snapshot_version BLOB    CHECK (length(snapshot_version) = 16 AND snapshot_version <> zeroblob(16)),
    snapshot_at      INTEGER CHECK ((snapshot_at IS NULL) = (snapshot_version IS NULL)),
    snapshot_bytes   INTEGER CHECK ((snapshot_bytes > 0) = (snapshot_version IS NOT NULL)),
    snapshot_added   INTEGER CHECK ((snapshot_added IS NULL) = (snapshot_version IS NULL)), -- `added` at that moment
    quota_bytes      INTEGER CHECK (quota_bytes >= 0),                                    -- NULL: as everybody
    quota_versions   INTEGER CHECK (quota_versions >= 0),                                 -- NULL: as everybody
    CHECK ((latest = zeroblob(16)) = (earlier = x''))
) STRICT;

CREATE INDEX account_erase ON account (erase_at) WHERE erase_at IS NOT NULL;

-- Only hashes: a stolen copy of the database invites nobody. SHA-256 will do, since there are 128 random bits to guess.
CREATE TABLE invite (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,  -- what an operator calls it
    hash       BLOB    NOT NULL UNIQUE CHECK (length(hash) = 32),
    uses       INTEGER NOT NULL CHECK (uses > 0),
    used       INTEGER NOT NULL DEFAULT 0 CHECK (used BETWEEN 0 AND uses),
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL CHECK (expires_at > created_at)
) STRICT;

-- A body that is larger than one row should be, in pieces. It is linked by exactly one version or snapshot, or by none: while
-- it still arrives, and after it was replaced. What is not linked when the server starts is swept.
CREATE TABLE blob (
    id     INTEGER PRIMARY KEY,   -- random, so that two processes never choose the same
    linked INTEGER NOT NULL DEFAULT 0 CHECK (linked IN (0, 1))
) STRICT;

CREATE INDEX blob_unlinked ON blob (id) WHERE linked = 0;

CREATE TABLE chunk (
    blob INTEGER NOT NULL REFERENCES blob (id),
    seq  INTEGER NOT NULL CHECK (seq >= 0),
    data BLOB    NOT NULL CHECK (length(data) BETWEEN 1 AND 262144),
    UNIQUE (blob, seq)
) STRICT;

-- A rowid table on purpose: bodies inside a WITHOUT ROWID tree make every insertion two to four times dearer.
-- One index: (account, parent) says that no version has two children, and is how versions are found. That no child has two
-- parents follows from the account's `latest`: a version is added behind it only, under a fresh random ID.
CREATE TABLE version (
    account   INTEGER NOT NULL REFERENCES account (id),
    parent    BLOB    NOT NULL CHECK (length(parent) = 16),
    version   BLOB    NOT NULL CHECK (length(version) = 16 AND version <> zeroblob(16) AND version <> parent),
    stored_at INTEGER NOT NULL,
    bytes     INTEGER NOT NULL CHECK (bytes > 0),
    body      BLOB    CHECK (length(body) = bytes),
    blob      INTEGER REFERENCES blob (id),
    CHECK ((body IS NULL) <> (blob IS NULL)),
    UNIQUE (account, parent)
) STRICT;

CREATE UNIQUE INDEX version_blob ON version (blob) WHERE blob IS NOT NULL;   -- one owner; and found when a blob is deleted

-- Bodies only; what is known of a snapshot without reading it stands in its account's row.
CREATE TABLE snapshot (
    account INTEGER PRIMARY KEY REFERENCES account (id),
    body    BLOB,
    blob    INTEGER REFERENCES blob (id),
    CHECK ((body IS NULL) <> (blob IS NULL))
) STRICT;

CREATE UNIQUE INDEX snapshot_blob ON snapshot (blob) WHERE blob IS NOT NULL;
