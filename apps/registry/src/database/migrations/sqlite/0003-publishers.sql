-- Who may publish by the identity that a CI system vouches for: the rights are those of a user.
CREATE TABLE publishers (
  id TEXT PRIMARY KEY,
  user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  issuer TEXT NOT NULL,
  -- JSON object: claims that must be in the identity token, with exactly these values.
  claims TEXT NOT NULL,
  package TEXT NOT NULL,
  created_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX publishers_by_issuer ON publishers (issuer);

-- The keys of an issuer as they were last seen, for when it cannot be reached.
CREATE TABLE issuer_keys (
  issuer TEXT PRIMARY KEY,
  keys TEXT NOT NULL,
  fetched_at INTEGER NOT NULL
) WITHOUT ROWID;

-- Identity tokens that were exchanged: none is taken twice.
CREATE TABLE exchanged_tokens (
  hash TEXT PRIMARY KEY,
  expires_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX exchanged_tokens_by_end ON exchanged_tokens (expires_at);
