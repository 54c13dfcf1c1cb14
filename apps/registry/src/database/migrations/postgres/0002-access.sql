CREATE TABLE users (
  id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name TEXT COLLATE "C" NOT NULL UNIQUE,
  -- argon2id in its own text form; none for who signs in by an identity only.
  password TEXT COLLATE "C",
  admin INTEGER NOT NULL,
  created_at BIGINT NOT NULL
);

-- The keys that users have in ColonyOS. One key is one person.
CREATE TABLE identities (
  id TEXT COLLATE "C" PRIMARY KEY,
  user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  created_at BIGINT NOT NULL
);
CREATE INDEX identities_by_user ON identities (user_id);

-- The first part of a repository's name. Who may do what is said of it, never of a single repository.
CREATE TABLE namespaces (
  name TEXT COLLATE "C" PRIMARY KEY,
  private INTEGER NOT NULL,
  created_at BIGINT NOT NULL
);

CREATE TABLE members (
  namespace TEXT COLLATE "C" NOT NULL REFERENCES namespaces (name) ON DELETE CASCADE,
  user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  role TEXT COLLATE "C" NOT NULL CHECK (role IN ('owner', 'member')),
  PRIMARY KEY (namespace, user_id)
);
CREATE INDEX members_by_user ON members (user_id);

CREATE TABLE tokens (
  id TEXT COLLATE "C" PRIMARY KEY,
  -- sha256 of the token in hex; the token itself is nowhere.
  hash TEXT COLLATE "C" NOT NULL UNIQUE,
  user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  label TEXT COLLATE "C" NOT NULL,
  -- JSON lists.
  scopes TEXT COLLATE "C" NOT NULL,
  patterns TEXT COLLATE "C" NOT NULL,
  created_at BIGINT NOT NULL,
  expires_at BIGINT,
  revoked_at BIGINT,
  last_used_at BIGINT
);
CREATE INDEX tokens_by_user ON tokens (user_id);

-- What this registry is to itself: the key of the access tokens that it gives out.
CREATE TABLE secrets (
  name TEXT COLLATE "C" PRIMARY KEY,
  value TEXT COLLATE "C" NOT NULL
);

CREATE TABLE audit (
  id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  at BIGINT NOT NULL,
  actor TEXT COLLATE "C" NOT NULL,
  action TEXT COLLATE "C" NOT NULL,
  namespace TEXT COLLATE "C",
  subject TEXT COLLATE "C" NOT NULL,
  detail TEXT COLLATE "C" NOT NULL,
  request_id TEXT COLLATE "C" NOT NULL
);
CREATE INDEX audit_by_namespace ON audit (namespace, id);
CREATE FUNCTION refuse_change_of_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the audit log is append-only';
END $$;
CREATE TRIGGER audit_is_not_changed BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_audit();

ALTER TABLE repositories ADD COLUMN namespace TEXT COLLATE "C"
  GENERATED ALWAYS AS (split_part(name, '/', 1)) STORED;
ALTER TABLE packages ADD COLUMN namespace TEXT COLLATE "C"
  GENERATED ALWAYS AS (split_part(name, '/', 1)) STORED;
-- Whose upload it is: nobody else goes on with it.
ALTER TABLE uploads ADD COLUMN actor TEXT COLLATE "C" NOT NULL DEFAULT '';
CREATE INDEX uploads_by_actor ON uploads (actor);
