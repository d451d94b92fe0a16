-- history/samples.sql
-- Question: Which blocks of samples are later than one time, and reach to another?
-- Parameters: after (milliseconds on the time line), since (Unix milliseconds), batch (rows)
-- Columns: those of samples, in the order of time
-- Index: t
SELECT t, at, series, block, checksum FROM samples WHERE t > ? AND at >= ? ORDER BY t LIMIT ?
