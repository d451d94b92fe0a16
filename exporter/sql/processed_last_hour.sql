-- processed_last_hour.sql
-- Question: What was processed in the last hour, and how long did it take, by queue and in all?
-- Parameters:
--   skew double precision: seconds that the application's clock may lag behind the database's
-- Columns:
--   queue text null: queue_name; null in the one row that is about all queues together
--   processed bigint not null: rows with processed_at in the last hour
--   processed_avg double precision null: mean of processed_at - created_at over those rows, seconds
--   created_avg double precision null: the same over processed rows created in the last hour (the documented query)
-- Index: idx_job_outbox_cleanup (processed_at) WHERE processed_at IS NOT NULL
-- Source: migrations reference, "Jobs processed in last hour" and "Average processing time". The latter filters on
--   created_at, which has no index; but what was created in the last hour was also processed in it, or earlier by
--   no more than the clocks differ. So the index on processed_at answers it, as long as they differ by less than `skew`.
SELECT
    recent.queue_name::text AS queue,
    count(*) FILTER (WHERE recent.processed_at >= now() - interval '1 hour') AS processed,
    (avg(extract(epoch FROM (recent.processed_at - recent.created_at)))
        FILTER (WHERE recent.processed_at >= now() - interval '1 hour'))::double precision AS processed_avg,
    (avg(extract(epoch FROM (recent.processed_at - recent.created_at)))
        FILTER (WHERE recent.created_at >= now() - interval '1 hour'))::double precision AS created_avg
FROM {job_outbox} AS recent
WHERE recent.processed_at >= now() - interval '1 hour' - make_interval(secs => %(skew)s::double precision)
GROUP BY GROUPING SETS ((recent.queue_name), ())
ORDER BY processed DESC, queue
