-- adoption/statuses.sql
-- Question: Which values does the status have, and in how many rows?
-- Parameters:
--   count_limit bigint: so many rows are read at most
-- Columns:
--   status text null: the value; null where the column is NULL
--   jobs bigint not null: rows with it among those that were read
-- Index: none, reads the first rows of the table; run by people's commands only
-- Source: the mapping's status; rows that are marked as removed are no jobs
SELECT
    found.status,
    count(*) AS jobs
FROM (
    SELECT statuses.status
    FROM {statuses}
    LIMIT %(count_limit)s::bigint
) AS found
GROUP BY found.status
ORDER BY found.status
