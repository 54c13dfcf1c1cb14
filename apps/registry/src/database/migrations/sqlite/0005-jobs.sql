-- Work that no request asks for, a row from its first run on. A lease lets one replica do it at a time.
CREATE TABLE jobs (
  name TEXT PRIMARY KEY,
  holder TEXT NOT NULL,
  leased_until INTEGER NOT NULL,
  -- 0 where it was broken off, so that whoever comes next goes on.
  last_started_at INTEGER NOT NULL,
  last_ended_at INTEGER,
  -- Of the last run that ended; none where that succeeded.
  last_error TEXT
) WITHOUT ROWID;
