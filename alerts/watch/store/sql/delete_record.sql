-- history/delete_record.sql
-- Question: none; deletes a record
-- Parameters: kind, id
-- Index: primary key (kind, id)
DELETE FROM papers WHERE kind = ? AND id = ?
