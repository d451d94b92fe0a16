-- adoption/statuses.sql
-- Question: Which values does the status have, in how many rows, and do the times of these rows agree?
-- Parameters:
--   count_limit bigint: so many rows are read at most
-- Columns:
--   status text null: the value; null where the column is NULL
--   meaning text null: pending, running, processed, failed or cancelled, as the mapping says; null where it says nothing
--   is_timed boolean null: these rows have a time of processing; null where no column has one
--   jobs bigint not null: such rows among those that were read
-- Index: none, reads the first rows of the table; run by people's commands only
-- Source: the mapping's status; rows that are marked as removed are no jobs
SELECT
    found.status,
    found.meaning,
    found.is_timed,
    count(*) AS jobs
FROM (
    SELECT statuses.status, statuses.meaning, statuses.is_timed
    FROM {statuses}
    LIMIT %(count_limit)s::bigint
) AS found
GROUP BY found.status, found.meaning, found.is_timed
ORDER BY found.status, found.is_timed
