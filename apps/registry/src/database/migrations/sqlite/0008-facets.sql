-- What the newest version of a package can be narrowed by: its keywords, the executor types that it requires, and the
-- platforms that it has files for, or `any`.
CREATE TABLE package_facets (
  kind TEXT NOT NULL CHECK (kind IN ('keyword', 'executor', 'platform')),
  value TEXT NOT NULL,
  package_id INTEGER NOT NULL REFERENCES packages (id) ON DELETE CASCADE,
  PRIMARY KEY (kind, value, package_id)
) WITHOUT ROWID;
CREATE INDEX package_facets_by_package ON package_facets (package_id);

CREATE INDEX packages_by_namespace ON packages (namespace, name);
CREATE INDEX packages_by_use ON packages (recent_downloads DESC, name);

-- Of what was published before, from the manifests.
INSERT INTO package_facets (kind, value, package_id)
  SELECT DISTINCT 'keyword', word.value, p.id
  FROM packages p JOIN versions v ON v.package_id = p.id AND v.version = p.version
  JOIN json_each(v.manifest, '$.keywords') word
  UNION SELECT 'executor', executor.value ->> 'type', p.id
  FROM packages p JOIN versions v ON v.package_id = p.id AND v.version = p.version
  JOIN json_each(v.manifest, '$.requires.executors') executor
  UNION SELECT 'platform', coalesce(rule.value ->> 'platform', 'any'), p.id
  FROM packages p JOIN versions v ON v.package_id = p.id AND v.version = p.version
  LEFT JOIN json_each(v.manifest, '$.payload') rule ON rule.value ->> 'platform' IS NOT NULL;
