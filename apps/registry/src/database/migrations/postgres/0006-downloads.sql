-- How often a version was fetched on a day, counted in days since the epoch, for as long as that is recent.
CREATE TABLE downloads (
  package_id BIGINT NOT NULL REFERENCES packages (id) ON DELETE CASCADE,
  version TEXT COLLATE "C" NOT NULL,
  day BIGINT NOT NULL,
  count BIGINT NOT NULL,
  PRIMARY KEY (package_id, version, day)
);
CREATE INDEX downloads_by_day ON downloads (day);

-- The sums, kept with every change: a list is ordered by them.
ALTER TABLE packages ADD COLUMN downloads BIGINT NOT NULL DEFAULT 0;
ALTER TABLE packages ADD COLUMN recent_downloads BIGINT NOT NULL DEFAULT 0;
ALTER TABLE versions ADD COLUMN downloads BIGINT NOT NULL DEFAULT 0;

-- Which version a manifest is that was fetched.
CREATE INDEX versions_by_digest ON versions (package_id, digest);
