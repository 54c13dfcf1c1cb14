CREATE TABLE users (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  -- argon2id in its own text form; none for who signs in by an identity only.
  password TEXT,
  admin INTEGER NOT NULL,
  created_at INTEGER NOT NULL
);

-- The keys that users have in ColonyOS. One key is one person.
CREATE TABLE identities (
  id TEXT PRIMARY KEY,
  user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  created_at INTEGER NOT NULL
) WITHOUT ROWID;

-- The first part of a repository's name. Who may do what is said of it, never of a single repository.
CREATE TABLE namespaces (
  name TEXT PRIMARY KEY,
  private INTEGER NOT NULL,
  created_at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE members (
  namespace TEXT NOT NULL REFERENCES namespaces (name) ON DELETE CASCADE,
  user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  role TEXT NOT NULL CHECK (role IN ('owner', 'member')),
  PRIMARY KEY (namespace, user_id)
) WITHOUT ROWID;
CREATE INDEX members_by_user ON members (user_id);

CREATE TABLE tokens (
  id TEXT PRIMARY KEY,
  -- sha256 of the token in hex; the token itself is nowhere.
  hash TEXT NOT NULL UNIQUE,
  user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  label TEXT NOT NULL,
  -- JSON lists.
  scopes TEXT NOT NULL,
  patterns TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER,
  revoked_at INTEGER,
  last_used_at INTEGER
) WITHOUT ROWID;
CREATE INDEX tokens_by_user ON tokens (user_id);

-- What this registry is to itself: the key of the access tokens that it gives out.
CREATE TABLE secrets (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE audit (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  namespace TEXT,
  subject TEXT NOT NULL,
  detail TEXT NOT NULL,
  request_id TEXT NOT NULL
);
CREATE INDEX audit_by_namespace ON audit (namespace, id);
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE ON audit
BEGIN SELECT RAISE (ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_is_not_deleted BEFORE DELETE ON audit
BEGIN SELECT RAISE (ABORT, 'the audit log is append-only'); END;

ALTER TABLE repositories ADD COLUMN namespace TEXT
  GENERATED ALWAYS AS (substr(name, 1, instr(name || '/', '/') - 1)) VIRTUAL;
ALTER TABLE packages ADD COLUMN namespace TEXT
  GENERATED ALWAYS AS (substr(name, 1, instr(name || '/', '/') - 1)) VIRTUAL;
-- Whose upload it is: nobody else goes on with it.
ALTER TABLE uploads ADD COLUMN actor TEXT NOT NULL DEFAULT '';
CREATE INDEX uploads_by_actor ON uploads (actor);

-- What was pushed before there were users stays as it was: everybody may pull it.
INSERT INTO namespaces (name, private, created_at)
  SELECT DISTINCT namespace, 0, CAST(unixepoch('subsec') * 1000 AS INTEGER) FROM repositories;
