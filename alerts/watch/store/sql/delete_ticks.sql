-- history/delete_ticks.sql
-- Question: none; deletes the ticks between two times
-- Parameters: after, before (milliseconds on the time line, both exclusive)
-- Index: t
DELETE FROM ticks WHERE t > ? AND t < ?
