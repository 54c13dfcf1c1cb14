-- Who may publish by the identity that a CI system vouches for: the rights are those of a user.
CREATE TABLE publishers (
  id TEXT COLLATE "C" PRIMARY KEY,
  user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  issuer TEXT COLLATE "C" NOT NULL,
  -- JSON object: claims that must be in the identity token, with exactly these values.
  claims TEXT COLLATE "C" NOT NULL,
  package TEXT COLLATE "C" NOT NULL,
  created_at BIGINT NOT NULL
);
CREATE INDEX publishers_by_issuer ON publishers (issuer);

-- The keys of an issuer as they were last seen, for when it cannot be reached.
CREATE TABLE issuer_keys (
  issuer TEXT COLLATE "C" PRIMARY KEY,
  keys TEXT COLLATE "C" NOT NULL,
  fetched_at BIGINT NOT NULL
);

-- Identity tokens that were exchanged: none is taken twice.
CREATE TABLE exchanged_tokens (
  hash TEXT COLLATE "C" PRIMARY KEY,
  expires_at BIGINT NOT NULL
);
CREATE INDEX exchanged_tokens_by_end ON exchanged_tokens (expires_at);
