-- history/drop_paper.sql
-- Question: none; removes a paper
-- Parameters: kind, id
-- Index: primary key (kind, id)
DELETE FROM papers WHERE kind = :kind AND id = :id
