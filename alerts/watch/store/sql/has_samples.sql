-- history/has_samples.sql
-- Question: Does the file have samples? Files of earlier builds have not.
-- Parameters: none
-- Columns: name text
-- Index: none
SELECT name FROM sqlite_schema WHERE type = 'table' AND name = 'samples'
