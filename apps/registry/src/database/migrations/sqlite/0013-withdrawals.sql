-- What manifests say of others by being yank marks: of several of one subject the newest counts. None is ever removed.
CREATE TABLE yank_marks (
  repository_id INTEGER NOT NULL,
  digest TEXT NOT NULL,
  subject TEXT NOT NULL,
  -- 0: it no longer is.
  yanked INTEGER NOT NULL,
  reason TEXT NOT NULL,
  -- Whom the registry that the mark comes from knows as who said it.
  said_by TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (repository_id, digest),
  FOREIGN KEY (repository_id, digest) REFERENCES manifests (repository_id, digest) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX yank_marks_by_subject ON yank_marks (repository_id, subject, at, digest);

CREATE TABLE deprecations (
  package_id INTEGER NOT NULL REFERENCES packages (id) ON DELETE CASCADE,
  -- Empty for the package with all its versions.
  version TEXT NOT NULL,
  message TEXT NOT NULL,
  -- The package to use in its place.
  successor TEXT,
  PRIMARY KEY (package_id, version)
) WITHOUT ROWID;
