-- What a name looks like (names/resemblance.ts), and the same without the numbers at its ends.
ALTER TABLE packages ADD COLUMN look TEXT COLLATE "C" NOT NULL DEFAULT '';
ALTER TABLE packages ADD COLUMN stem TEXT COLLATE "C" NOT NULL DEFAULT '';
-- The part behind the namespace, of the name and of what it looks like.
ALTER TABLE packages ADD COLUMN bare_name TEXT COLLATE "C"
  GENERATED ALWAYS AS (split_part(name, '/', 2)) STORED;
ALTER TABLE packages ADD COLUMN bare_look TEXT COLLATE "C"
  GENERATED ALWAYS AS (split_part(look, '/', 2)) STORED;

UPDATE packages SET
  look = replace(replace(replace(name, '-', ''), '0', 'o'), '1', 'l'),
  stem = replace(replace(replace(
    coalesce(nullif(rtrim(namespace, '0123456789'), ''), namespace) || '/' ||
    coalesce(nullif(rtrim(bare_name, '0123456789'), ''), bare_name), '-', ''), '0', 'o'), '1', 'l');

CREATE INDEX packages_by_look ON packages (look);
CREATE INDEX packages_by_stem ON packages (stem);
CREATE INDEX packages_by_bare_name ON packages (bare_name, recent_downloads);
CREATE INDEX packages_by_bare_look ON packages (bare_look, recent_downloads);
