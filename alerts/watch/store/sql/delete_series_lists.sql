-- history/delete_series_lists.sql
-- Question: none; deletes the lists of series that no samples refer to, except for the latest
-- Parameters: kind of the lists
-- Index: primary key (kind, id)
DELETE FROM papers
WHERE kind = ?1 AND id < (SELECT max(id) FROM papers WHERE kind = ?1) AND id NOT IN (SELECT series FROM samples)
