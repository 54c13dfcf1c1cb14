-- Work that no request asks for, a row from its first run on. A lease lets one replica do it at a time.
CREATE TABLE jobs (
  name TEXT COLLATE "C" PRIMARY KEY,
  holder TEXT COLLATE "C" NOT NULL,
  leased_until BIGINT NOT NULL,
  -- 0 where it was broken off, so that whoever comes next goes on.
  last_started_at BIGINT NOT NULL,
  last_ended_at BIGINT,
  -- Of the last run that ended; none where that succeeded.
  last_error TEXT COLLATE "C"
);
