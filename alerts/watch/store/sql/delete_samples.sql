-- history/delete_samples.sql
-- Question: none; deletes the samples before a time
-- Parameters: before (milliseconds on the time line)
-- Index: t
DELETE FROM samples WHERE t < ?
