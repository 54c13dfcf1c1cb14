-- Challenges that were answered: none is taken twice, by whatever replica. After their end nobody takes them anyway.
CREATE TABLE answered_challenges (
  nonce TEXT COLLATE "C" PRIMARY KEY,
  expires_at BIGINT NOT NULL
);
CREATE INDEX answered_challenges_by_end ON answered_challenges (expires_at);
