-- What manifests say of others by being yank marks: of several of one subject the newest counts. None is ever removed.
CREATE TABLE yank_marks (
  repository_id BIGINT NOT NULL,
  digest TEXT COLLATE "C" NOT NULL,
  subject TEXT COLLATE "C" NOT NULL,
  -- 0: it no longer is.
  yanked INTEGER NOT NULL,
  reason TEXT COLLATE "C" NOT NULL,
  -- Whom the registry that the mark comes from knows as who said it.
  said_by TEXT COLLATE "C" NOT NULL,
  at BIGINT NOT NULL,
  PRIMARY KEY (repository_id, digest),
  FOREIGN KEY (repository_id, digest) REFERENCES manifests (repository_id, digest) ON DELETE CASCADE
);
CREATE INDEX yank_marks_by_subject ON yank_marks (repository_id, subject, at, digest);

CREATE TABLE deprecations (
  package_id BIGINT NOT NULL REFERENCES packages (id) ON DELETE CASCADE,
  -- Empty for the package with all its versions.
  version TEXT COLLATE "C" NOT NULL,
  message TEXT COLLATE "C" NOT NULL,
  -- The package to use in its place.
  successor TEXT COLLATE "C",
  PRIMARY KEY (package_id, version)
);
