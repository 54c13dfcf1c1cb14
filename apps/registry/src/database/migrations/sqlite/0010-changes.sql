-- What readers of the feed are told, written with the change itself.
CREATE TABLE changes (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  -- Where it stands in the feed: given after the change was committed, without gaps. A reader's cursor is a place.
  place INTEGER UNIQUE,
  at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  namespace TEXT NOT NULL,
  -- Of the repository; of a namespace itself, its name and a slash.
  name TEXT NOT NULL,
  -- JSON object.
  detail TEXT NOT NULL
);
CREATE INDEX changes_without_place ON changes (id) WHERE place IS NULL;
CREATE INDEX changes_by_time ON changes (at);

-- The last place that was given, in the one row. Who gives places writes it, and nobody else.
CREATE TABLE change_places (
  one INTEGER PRIMARY KEY CHECK (one = 1),
  last INTEGER NOT NULL
);
INSERT INTO change_places (one, last) VALUES (1, 0);
