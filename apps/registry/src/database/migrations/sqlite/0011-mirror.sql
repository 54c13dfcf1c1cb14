-- What was fetched from other registries: nobody pushed it, nothing rests on it, and it may leave at any time. A source
-- is the address of a repository there, so that another upstream does not inherit what this one said.
CREATE TABLE mirror_blobs (
  digest TEXT PRIMARY KEY,
  size_bytes INTEGER NOT NULL,
  -- Of the mirror's own storage, never of what was pushed.
  object TEXT NOT NULL,
  used_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX mirror_blobs_by_use ON mirror_blobs (used_at, size_bytes);

-- In which repositories the upstream was seen to show a blob: content is shared, access is not.
CREATE TABLE mirror_blob_sources (
  source TEXT NOT NULL,
  digest TEXT NOT NULL REFERENCES mirror_blobs (digest) ON DELETE CASCADE,
  PRIMARY KEY (source, digest)
) WITHOUT ROWID;
CREATE INDEX mirror_blob_sources_by_digest ON mirror_blob_sources (digest);

CREATE TABLE mirror_manifests (
  source TEXT NOT NULL,
  digest TEXT NOT NULL,
  media_type TEXT NOT NULL,
  bytes BLOB NOT NULL,
  size_bytes INTEGER NOT NULL,
  used_at INTEGER NOT NULL,
  PRIMARY KEY (source, digest)
);
CREATE INDEX mirror_manifests_by_use ON mirror_manifests (used_at, size_bytes);

-- What can change there: where a tag points, lists, what the index says. JSON.
CREATE TABLE mirror_answers (
  source TEXT NOT NULL,
  question TEXT NOT NULL,
  answer TEXT NOT NULL,
  etag TEXT,
  size_bytes INTEGER NOT NULL,
  checked_at INTEGER NOT NULL,
  used_at INTEGER NOT NULL,
  PRIMARY KEY (source, question)
);
CREATE INDEX mirror_answers_by_use ON mirror_answers (used_at, size_bytes);

-- What is being brought into the storage, so that what a crash leaves of it is found.
CREATE TABLE mirror_arrivals (
  id TEXT PRIMARY KEY,
  digest TEXT NOT NULL,
  -- JSON object, read by the storage alone.
  state TEXT NOT NULL,
  active_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX mirror_arrivals_by_activity ON mirror_arrivals (active_at);

-- Objects that no blob has any more, kept until nobody can be reading them.
CREATE TABLE mirror_departures (
  object TEXT PRIMARY KEY,
  left_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX mirror_departures_by_time ON mirror_departures (left_at);
