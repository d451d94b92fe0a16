-- history/put_paper.sql
-- Question: none; writes a paper, in place of the one that was there
-- Parameters: kind, id, words, seal
-- Index: primary key (kind, id)
INSERT INTO papers (kind, id, words, seal) VALUES (:kind, :id, :words, :seal)
ON CONFLICT (kind, id) DO UPDATE SET words = excluded.words, seal = excluded.seal
