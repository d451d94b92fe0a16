-- far_behind.sql
-- Question: Which jobs were stamped as processed long before they were created, by a clock that is far behind?
-- Parameters:
--   created_since double precision: Unix seconds of the oldest created_at of interest
--   behind double precision: by how many seconds at least
--   reach double precision: seconds; a processed_at from longer ago is not read
-- Columns:
--   examined bigint not null: jobs read
--   ids text[] not null: outbox_id of each such job
--   queues text[] not null: queue_name of each; an entry is null where the job has none
-- Index: idx_job_outbox_cleanup (processed_at) WHERE processed_at IS NOT NULL
-- Source: deployed application, "created_at comes from the database's clock, processed_at from the application's".
--   Asked only when more jobs were inserted than are pending or accounted for, and once an hour at most as long as
--   nothing is found.
SELECT
    count(*) AS examined,
    coalesce(array_agg(id) FILTER (WHERE is_backdated), ARRAY[]::text[]) AS ids,
    coalesce(array_agg(queue) FILTER (WHERE is_backdated), ARRAY[]::text[]) AS queues
FROM (
    SELECT
        outbox_id::text AS id,
        queue_name::text AS queue,
        created_at >= to_timestamp(%(created_since)s::double precision)
            AND created_at <= now()
            AND created_at > processed_at + make_interval(secs => %(behind)s::double precision) AS is_backdated
    FROM {processed_jobs}
    WHERE processed_at >= now() - make_interval(secs => %(reach)s::double precision)
        AND processed_at < now() - make_interval(secs => %(behind)s::double precision)
) AS jobs
