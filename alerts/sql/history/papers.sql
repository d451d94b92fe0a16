-- history/papers.sql
-- Question: Which papers of a kind are there, or of them the one with this id?
-- Parameters: kind; id, null for all
-- Columns: id integer, words text, seal integer
-- Index: primary key (kind, id)
SELECT id, words, seal FROM papers WHERE kind = :kind AND (:id IS NULL OR id = :id) ORDER BY id
