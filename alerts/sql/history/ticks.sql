-- history/ticks.sql
-- Question: What was seen after one time and until another, a batch at a time?
-- Parameters: after and until, milliseconds on the time line; batch, rows
-- Columns: those of ticks, in the order of time
-- Index: t
SELECT t, run, at, steady, layout, numbers, words, link, seal
FROM ticks WHERE t > :after AND t <= :until ORDER BY t LIMIT :batch
