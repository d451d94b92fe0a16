-- history/ticks.sql
-- Question: Which ticks are later than one time and not later than another?
-- Parameters: after, until (milliseconds on the time line), batch (rows)
-- Columns: those of ticks, in the order of time
-- Index: t
SELECT t, run, at, steady, layout, numbers, words, link, seal
FROM ticks WHERE t > ? AND t <= ? ORDER BY t LIMIT ?
