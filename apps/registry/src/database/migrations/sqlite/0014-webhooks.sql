-- Addresses that are told of the changes of a namespace.
CREATE TABLE webhooks (
  id TEXT PRIMARY KEY,
  namespace TEXT NOT NULL REFERENCES namespaces (name) ON DELETE CASCADE,
  url TEXT NOT NULL,
  -- JSON list of the kinds of changes that it is told of.
  kinds TEXT NOT NULL,
  -- The key of its signatures: the registry signs with it, so it is no hash.
  secret TEXT NOT NULL,
  created_by TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  -- Deliveries in a row that were given up.
  failures INTEGER NOT NULL DEFAULT 0,
  -- Why it is told of nothing any more.
  disabled TEXT
) WITHOUT ROWID;
CREATE INDEX webhooks_by_namespace ON webhooks (namespace);

-- Made with the change itself.
CREATE TABLE deliveries (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  webhook TEXT NOT NULL REFERENCES webhooks (id) ON DELETE CASCADE,
  kind TEXT NOT NULL,
  body TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('pending', 'delivered', 'failed')),
  created_at INTEGER NOT NULL,
  attempts INTEGER NOT NULL DEFAULT 0,
  -- When it is tried next. Whoever tries it puts this off first, so that nobody else does, and it is not lost with them.
  next_at INTEGER NOT NULL,
  ended_at INTEGER,
  -- What came of the last attempt.
  answer TEXT
);
CREATE INDEX deliveries_to_try ON deliveries (next_at) WHERE state = 'pending';
CREATE INDEX deliveries_by_webhook ON deliveries (webhook, id);
CREATE INDEX deliveries_by_end ON deliveries (ended_at);
