-- adoption/numbers.sql
-- Question: Between which numbers do the times of a column lie that are stored as numbers?
-- Parameters:
--   count_limit bigint: so many rows are read at most
-- Columns:
--   lowest double precision null: the lowest number; null without one
--   highest double precision null: the highest number
-- Index: none, reads the first rows of the table
-- Source: the mapping reads them as microseconds, in which a number of any unit is a valid time
SELECT
    min(extract(epoch FROM found.created_at) * 1000000)::double precision AS lowest,
    max(extract(epoch FROM found.created_at) * 1000000)::double precision AS highest
FROM (
    SELECT all_jobs.created_at
    FROM {all_jobs}
    LIMIT %(count_limit)s::bigint
) AS found
