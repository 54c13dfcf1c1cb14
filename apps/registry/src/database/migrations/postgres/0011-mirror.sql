-- What was fetched from other registries: nobody pushed it, nothing rests on it, and it may leave at any time. A source
-- is the address of a repository there, so that another upstream does not inherit what this one said.
CREATE TABLE mirror_blobs (
  digest TEXT COLLATE "C" PRIMARY KEY,
  size_bytes BIGINT NOT NULL,
  -- Of the mirror's own storage, never of what was pushed.
  object TEXT COLLATE "C" NOT NULL,
  used_at BIGINT NOT NULL
);
CREATE INDEX mirror_blobs_by_use ON mirror_blobs (used_at, size_bytes);

-- In which repositories the upstream was seen to show a blob: content is shared, access is not.
CREATE TABLE mirror_blob_sources (
  source TEXT COLLATE "C" NOT NULL,
  digest TEXT COLLATE "C" NOT NULL REFERENCES mirror_blobs (digest) ON DELETE CASCADE,
  PRIMARY KEY (source, digest)
);
CREATE INDEX mirror_blob_sources_by_digest ON mirror_blob_sources (digest);

CREATE TABLE mirror_manifests (
  source TEXT COLLATE "C" NOT NULL,
  digest TEXT COLLATE "C" NOT NULL,
  media_type TEXT COLLATE "C" NOT NULL,
  bytes BYTEA NOT NULL,
  size_bytes BIGINT NOT NULL,
  used_at BIGINT NOT NULL,
  PRIMARY KEY (source, digest)
);
CREATE INDEX mirror_manifests_by_use ON mirror_manifests (used_at, size_bytes);

-- What can change there: where a tag points, lists, what the index says. JSON.
CREATE TABLE mirror_answers (
  source TEXT COLLATE "C" NOT NULL,
  question TEXT COLLATE "C" NOT NULL,
  answer TEXT COLLATE "C" NOT NULL,
  etag TEXT COLLATE "C",
  size_bytes BIGINT NOT NULL,
  checked_at BIGINT NOT NULL,
  used_at BIGINT NOT NULL,
  PRIMARY KEY (source, question)
);
CREATE INDEX mirror_answers_by_use ON mirror_answers (used_at, size_bytes);

-- What is being brought into the storage, so that what a crash leaves of it is found.
CREATE TABLE mirror_arrivals (
  id TEXT COLLATE "C" PRIMARY KEY,
  digest TEXT COLLATE "C" NOT NULL,
  -- JSON object, read by the storage alone.
  state TEXT COLLATE "C" NOT NULL,
  active_at BIGINT NOT NULL
);
CREATE INDEX mirror_arrivals_by_activity ON mirror_arrivals (active_at);

-- Objects that no blob has any more, kept until nobody can be reading them.
CREATE TABLE mirror_departures (
  object TEXT COLLATE "C" PRIMARY KEY,
  left_at BIGINT NOT NULL
);
CREATE INDEX mirror_departures_by_time ON mirror_departures (left_at);
