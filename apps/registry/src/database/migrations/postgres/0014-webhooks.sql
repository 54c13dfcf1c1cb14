-- Addresses that are told of the changes of a namespace.
CREATE TABLE webhooks (
  id TEXT COLLATE "C" PRIMARY KEY,
  namespace TEXT COLLATE "C" NOT NULL REFERENCES namespaces (name) ON DELETE CASCADE,
  url TEXT COLLATE "C" NOT NULL,
  -- JSON list of the kinds of changes that it is told of.
  kinds TEXT COLLATE "C" NOT NULL,
  -- The key of its signatures: the registry signs with it, so it is no hash.
  secret TEXT COLLATE "C" NOT NULL,
  created_by TEXT COLLATE "C" NOT NULL,
  created_at BIGINT NOT NULL,
  -- Deliveries in a row that were given up.
  failures INTEGER NOT NULL DEFAULT 0,
  -- Why it is told of nothing any more.
  disabled TEXT COLLATE "C"
);
CREATE INDEX webhooks_by_namespace ON webhooks (namespace);

-- Made with the change itself.
CREATE TABLE deliveries (
  id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  webhook TEXT COLLATE "C" NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
  kind TEXT COLLATE "C" NOT NULL,
  body TEXT COLLATE "C" NOT NULL,
  state TEXT COLLATE "C" NOT NULL CHECK (state IN ('pending', 'delivered', 'failed')),
  created_at BIGINT NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  -- When it is tried next. Whoever tries it puts this off first, so that nobody else does, and it is not lost with them.
  next_at BIGINT NOT NULL,
  ended_at BIGINT,
  -- What came of the last attempt.
  answer TEXT COLLATE "C"
);
CREATE INDEX deliveries_to_try ON deliveries (next_at) WHERE state = 'pending';
CREATE INDEX deliveries_by_webhook ON deliveries (webhook, id);
CREATE INDEX deliveries_by_end ON deliveries (ended_at);
