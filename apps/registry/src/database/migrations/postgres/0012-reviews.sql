-- Blobs that may be garbage by now, or were promised to somebody, and when that was last. A collector looks at them when
-- that is long enough ago. Nothing is queued by triggers: the time is the registry's, not the database's.
CREATE TABLE blob_reviews (
  digest TEXT COLLATE "C" PRIMARY KEY REFERENCES blobs (digest) ON DELETE CASCADE,
  touched_at BIGINT NOT NULL
);
CREATE INDEX blob_reviews_by_time ON blob_reviews (touched_at);

CREATE TABLE manifest_reviews (
  repository_id BIGINT NOT NULL,
  digest TEXT COLLATE "C" NOT NULL,
  touched_at BIGINT NOT NULL,
  -- 1: its index or its subject is gone, and it goes with that. 0: it has no tag.
  orphaned INTEGER NOT NULL,
  PRIMARY KEY (repository_id, digest),
  FOREIGN KEY (repository_id, digest) REFERENCES manifests (repository_id, digest) ON DELETE CASCADE
);
CREATE INDEX manifest_reviews_by_time ON manifest_reviews (orphaned, touched_at);

-- Objects that no blob has any more: the row goes after the object, so that a crash leaves nothing behind.
CREATE TABLE object_removals (
  object TEXT COLLATE "C" PRIMARY KEY,
  size_bytes BIGINT NOT NULL,
  -- Whoever takes it on puts this off, and has it for themselves until then.
  remove_after BIGINT NOT NULL
);
CREATE INDEX object_removals_by_time ON object_removals (remove_after);

CREATE INDEX blobs_by_object ON blobs (object);

-- What became garbage before anybody looked.
INSERT INTO blob_reviews (digest, touched_at) SELECT digest, CAST(extract(epoch FROM now()) * 1000 AS BIGINT) FROM blobs;
