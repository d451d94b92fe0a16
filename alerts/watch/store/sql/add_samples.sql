-- history/add_samples.sql
-- Question: none; inserts a block of samples, once for each time
-- Parameters: t, at, series, block, checksum, as in samples_table.sql
-- Index: t
INSERT INTO samples (t, at, series, block, checksum) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (t) DO NOTHING
