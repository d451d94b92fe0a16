-- history/last_tick.sql
-- Question: What is the latest tick?
-- Parameters: none
-- Columns: those of ticks
-- Index: t
SELECT t, run, at, steady, layout, numbers, words, link, seal FROM ticks ORDER BY t DESC LIMIT 1
