-- Challenges that were answered: none is taken twice, by whatever replica. After their end nobody takes them anyway.
CREATE TABLE answered_challenges (
  nonce TEXT PRIMARY KEY,
  expires_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX answered_challenges_by_end ON answered_challenges (expires_at);
