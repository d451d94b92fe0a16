-- history/add_tick.sql
-- Question: none; inserts a tick, once for each time
-- Parameters: t, run, at, steady, layout, numbers, words, link, seal, as in schema.sql
-- Index: t
INSERT INTO ticks (t, run, at, steady, layout, numbers, words, link, seal)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (t) DO NOTHING
