-- One more each time that bytes were stored for it: what was found out about those before says nothing of those now.
ALTER TABLE blobs ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;
-- Since when its bytes are known to be gone or others. Then it is not there for whoever asks whether to push it.
ALTER TABLE blobs ADD COLUMN damaged_at INTEGER;
ALTER TABLE manifests ADD COLUMN damaged_at INTEGER;

-- What was found, a row for each time.
CREATE TABLE damages (
  digest TEXT NOT NULL,
  -- Of a manifest, the repository that has it; empty for a blob, which all of them share.
  repository TEXT NOT NULL,
  found_at INTEGER NOT NULL,
  -- lost or changed.
  finding TEXT NOT NULL,
  size_bytes INTEGER NOT NULL,
  -- Where a copy of what was there is kept, in the words of the storage.
  kept_as TEXT,
  -- The same of a manifest: what was there.
  bytes BLOB,
  -- Since when the right bytes are there again.
  healed_at INTEGER,
  PRIMARY KEY (digest, repository, found_at)
);
CREATE INDEX damages_open ON damages (digest) WHERE healed_at IS NULL;

-- The one row of how far all that is kept has been read again.
CREATE TABLE scrub (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  holder TEXT NOT NULL DEFAULT '',
  leased_until INTEGER NOT NULL DEFAULT 0,
  -- What was looked at last: repository 0 and a blob, or the id of a repository and a manifest of it.
  repository_id INTEGER NOT NULL DEFAULT 0,
  digest TEXT NOT NULL DEFAULT '',
  -- Of the pass that is under way; none between passes.
  started_at INTEGER,
  contents INTEGER NOT NULL DEFAULT 0,
  hashed_bytes INTEGER NOT NULL DEFAULT 0,
  damaged INTEGER NOT NULL DEFAULT 0,
  unreadable INTEGER NOT NULL DEFAULT 0,
  -- Of the last pass that ended.
  last_started_at INTEGER,
  last_ended_at INTEGER
);
INSERT INTO scrub (id) VALUES (1);
