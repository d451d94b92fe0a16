-- history/records.sql
-- Question: Which records of a kind are there, or which one has this id?
-- Parameters: kind; id, null for all
-- Columns: id integer, words text, seal integer
-- Index: primary key (kind, id)
SELECT id, words, seal FROM papers WHERE kind = ?1 AND (?2 IS NULL OR id = ?2) ORDER BY id
