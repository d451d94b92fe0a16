-- history/drop_ticks.sql
-- Question: none; forgets what was seen after one time and before another
-- Parameters: after and before, milliseconds on the time line
-- Index: t
DELETE FROM ticks WHERE t > :after AND t < :before
