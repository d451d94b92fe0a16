-- history/samples_table.sql
-- Question: none; creates the table of samples, which files of earlier builds lack. Its names are part of the format.
-- Columns:
--   t integer not null: milliseconds on the time line of the history, of the last scrape of the block
--   at integer not null: the same time in Unix milliseconds, by the wall clock
--   series integer not null: the record of kind series that names the series
--   block blob not null: times of the scrapes and values, see samples.py
--   checksum integer not null: CRC-32 of everything else
-- Index: t is the primary key
CREATE TABLE IF NOT EXISTS samples (
  t INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  series INTEGER NOT NULL,
  block BLOB NOT NULL,
  checksum INTEGER NOT NULL
)
