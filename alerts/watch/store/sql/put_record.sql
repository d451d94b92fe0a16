-- history/put_record.sql
-- Question: none; inserts a record, or replaces the one with the same id
-- Parameters: kind, id, words, seal
-- Index: primary key (kind, id)
INSERT INTO papers (kind, id, words, seal) VALUES (?, ?, ?, ?)
ON CONFLICT (kind, id) DO UPDATE SET words = excluded.words, seal = excluded.seal
