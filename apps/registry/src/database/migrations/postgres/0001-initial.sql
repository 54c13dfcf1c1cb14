-- Names are ordered by their bytes, whatever language the database is set to: hence "C".
CREATE TABLE blobs (
  digest TEXT COLLATE "C" PRIMARY KEY,
  size_bytes BIGINT NOT NULL,
  created_at BIGINT NOT NULL
);

CREATE TABLE repositories (
  id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name TEXT COLLATE "C" NOT NULL UNIQUE
);

-- Which repositories may show a blob: content is shared, access is not.
CREATE TABLE repository_blobs (
  repository_id BIGINT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
  digest TEXT COLLATE "C" NOT NULL REFERENCES blobs (digest) ON DELETE CASCADE,
  PRIMARY KEY (repository_id, digest)
);
CREATE INDEX repository_blobs_by_digest ON repository_blobs (digest);

CREATE TABLE manifests (
  repository_id BIGINT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
  digest TEXT COLLATE "C" NOT NULL,
  media_type TEXT COLLATE "C" NOT NULL,
  artifact_type TEXT COLLATE "C",
  -- A subject may be pushed after its referrers, so it is no foreign key.
  subject TEXT COLLATE "C",
  -- What the verifier read from it, as JSON, when it is a package.
  package TEXT COLLATE "C",
  bytes BYTEA NOT NULL,
  created_at BIGINT NOT NULL,
  PRIMARY KEY (repository_id, digest)
);
CREATE INDEX manifests_by_subject ON manifests (repository_id, subject) WHERE subject IS NOT NULL;

-- What a manifest refers to and cannot be without; its subject is not among it.
CREATE TABLE manifest_contents (
  repository_id BIGINT NOT NULL,
  digest TEXT COLLATE "C" NOT NULL,
  manifest TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (repository_id, digest, manifest),
  FOREIGN KEY (repository_id, manifest) REFERENCES manifests (repository_id, digest) ON DELETE CASCADE
);
CREATE INDEX manifest_contents_by_manifest ON manifest_contents (repository_id, manifest);

CREATE TABLE tags (
  repository_id BIGINT NOT NULL REFERENCES repositories (id) ON DELETE CASCADE,
  name TEXT COLLATE "C" NOT NULL,
  digest TEXT COLLATE "C" NOT NULL,
  updated_at BIGINT NOT NULL,
  PRIMARY KEY (repository_id, name)
);
CREATE INDEX tags_by_digest ON tags (repository_id, digest);

CREATE TABLE uploads (
  id TEXT COLLATE "C" PRIMARY KEY,
  repository TEXT COLLATE "C" NOT NULL,
  created_at BIGINT NOT NULL
);

CREATE TABLE packages (
  id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name TEXT COLLATE "C" NOT NULL UNIQUE,
  -- The newest version, which the description, keywords and readme are of.
  version TEXT COLLATE "C" NOT NULL,
  description TEXT COLLATE "C" NOT NULL,
  keywords TEXT COLLATE "C" NOT NULL,
  readme TEXT COLLATE "C",
  updated_at BIGINT NOT NULL
);

CREATE TABLE versions (
  package_id BIGINT NOT NULL REFERENCES packages (id) ON DELETE CASCADE,
  version TEXT COLLATE "C" NOT NULL,
  digest TEXT COLLATE "C" NOT NULL,
  size_bytes BIGINT NOT NULL,
  manifest TEXT COLLATE "C" NOT NULL,
  published_at BIGINT NOT NULL,
  PRIMARY KEY (package_id, version)
);

-- Words as postgres-package-search.ts makes them, weighted by where they are from: no dictionary of the server's.
CREATE TABLE package_search (
  package_id BIGINT PRIMARY KEY REFERENCES packages (id) ON DELETE CASCADE,
  words TSVECTOR NOT NULL
);
-- A list of what is not indexed yet would be locked as a whole by every search of a serializable transaction.
CREATE INDEX package_search_by_word ON package_search USING gin (words) WITH (fastupdate = off);
