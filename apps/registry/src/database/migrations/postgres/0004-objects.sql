-- Which object of the storage has the bytes. None: the one that is named after the digest, as in earlier data directories.
ALTER TABLE blobs ADD COLUMN object TEXT COLLATE "C";

-- Where an upload stands, so that any replica can go on with it.
ALTER TABLE uploads ADD COLUMN algorithm TEXT COLLATE "C" NOT NULL DEFAULT 'sha256';
ALTER TABLE uploads ADD COLUMN size_bytes BIGINT NOT NULL DEFAULT 0;
-- JSON object, read by the storage alone.
ALTER TABLE uploads ADD COLUMN state TEXT COLLATE "C" NOT NULL DEFAULT '{}';
-- One more with each writer: who has an older one has lost the upload.
ALTER TABLE uploads ADD COLUMN version BIGINT NOT NULL DEFAULT 0;
ALTER TABLE uploads ADD COLUMN leased_until BIGINT NOT NULL DEFAULT 0;
ALTER TABLE uploads ADD COLUMN active_at BIGINT NOT NULL DEFAULT 0;
CREATE INDEX uploads_by_activity ON uploads (active_at);
