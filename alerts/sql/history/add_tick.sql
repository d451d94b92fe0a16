-- history/add_tick.sql
-- Question: none; writes a tick, once however often it is told
-- Parameters: t, run, at, steady, layout, numbers, words, link, seal
-- Index: t
INSERT INTO ticks (t, run, at, steady, layout, numbers, words, link, seal)
VALUES (:t, :run, :at, :steady, :layout, :numbers, :words, :link, :seal)
ON CONFLICT (t) DO NOTHING
