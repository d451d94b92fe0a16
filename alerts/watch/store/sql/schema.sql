-- history/schema.sql
-- Question: none; creates the tables of a history, format version 1. Their names are part of the format.
-- Tables:
--   papers: the records of which there are few, as JSON, by kind: runs, watches, judgements, layouts, requests,
--     marks, changes, the known state
--   ticks: one row per evaluation
-- Columns of papers:
--   kind text not null, id integer not null: the kind, and a number within it
--   words text not null: the JSON
--   seal integer not null: the checksum, CRC-32 of kind, id and words
-- Columns of ticks:
--   t integer not null: milliseconds on the time line of the history, which never goes back
--   run integer not null: the process of the exporter, a record of kind run
--   at real not null: Unix seconds by the wall clock
--   steady real not null: seconds of the clock of that run's boot
--   layout integer not null: the record that names the numbers
--   numbers blob not null: doubles, little-endian; NaN is unknown
--   words text not null: everything else as JSON
--   link integer not null: the checksum of the previous row, 0 for the first of all
--   seal integer not null: the checksum, CRC-32 of everything else
-- Index: t is the primary key
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
