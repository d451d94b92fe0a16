-- history/schema.sql
-- Question: none; the tables of a new history, version 1
-- Tables:
--   papers: everything of which there is little, as JSON, by kind: runs, watches, judgements, layouts, requests, marks
--   ticks: one row per evaluation; everything else grows from it
-- Columns of papers:
--   kind text not null, id integer not null: what it is, and which
--   words text not null: the JSON
--   seal integer not null: CRC-32 of kind, id and words
-- Columns of ticks:
--   t integer not null: milliseconds on the history's own time line, which never goes back; so no tick is there twice
--   run integer not null: the exporter's process, a paper of kind run
--   at real not null: Unix seconds by the wall clock
--   steady real not null: seconds of the clock of that run's boot
--   layout integer not null: the paper that names the numbers
--   numbers blob not null: doubles, little-endian; NaN is unknown
--   words text not null: the rest as JSON, empty when there is nothing to say
--   link integer not null: the seal of the row before it, 0 for the first of all
--   seal integer not null: CRC-32 of everything else
-- Index: t is the row's own key
BEGIN IMMEDIATE;
CREATE TABLE papers (
  kind TEXT NOT NULL,
  id INTEGER NOT NULL,
  words TEXT NOT NULL,
  seal INTEGER NOT NULL,
  PRIMARY KEY (kind, id)
) WITHOUT ROWID;
CREATE TABLE ticks (
  t INTEGER PRIMARY KEY,
  run INTEGER NOT NULL,
  at REAL NOT NULL,
  steady REAL NOT NULL,
  layout INTEGER NOT NULL,
  numbers BLOB NOT NULL,
  words TEXT NOT NULL,
  link INTEGER NOT NULL,
  seal INTEGER NOT NULL
);
PRAGMA application_id = 1869968504;
PRAGMA user_version = 1;
COMMIT;
