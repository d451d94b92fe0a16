-- events.sql
-- Question: How many FSM events of each source and type came in the last hour, and which are new?
-- Parameters:
--   since double precision: Unix seconds of the oldest created_at that may be new to the caller
--   until double precision: Unix seconds of the oldest created_at from which on events are listed
--   latest double precision: Unix seconds; an event of a later time is not of the last hour
--   latest_new double precision: Unix seconds; an event of a later time is not new yet
--   early boolean: count the rows from before 1970, too; not worth it where it takes a scan of each course
--   undated boolean: count the rows without a time, too; only a column that may be null has any
--   kept_since double precision: Unix seconds; rows created from then to before `kept_until` are known to the caller
--   kept_until double precision: Unix seconds
--   slot_seconds integer: length of a slot
-- Columns:
--   source text null: created_by
--   event text null: event_type
--   slots bigint[] null: the slots of time in which rows of the last hour lie, numbered since 1970; null when there is none
--   slot_events bigint[] null: how many rows lie in each of these slots, in the same order
--   edition text null: another one after rows were changed or deleted, or the table was replaced, by the server's
--     statistics of the table, its partitions and the tables that inherit from it; null where there are none: on a
--     standby, without track_counts, and of a foreign table
--   last_hour bigint not null: rows created in the last hour
--   settled_events bigint not null: rows created from `since` to before `until`
--   settled_micros bigint not null: how much later than `since` each of these is, all together, microseconds
--   recent_ids text[] null: event_id of the rows created at or after `until`; null when there is none
--   recent_at double precision[] null: created_at of those rows, Unix seconds, in the same order
--   infinite bigint not null: rows with an infinite time, as far as looked for
--   out_of_range bigint not null: rows with a finite time after `latest` or before 1970, as far as looked for
--   nulls bigint not null: rows without a time, and those of the last hour without source or type
-- Index: one on (created_at) when the schema has it; else one on (entity_id, created_at), skipped through or read
--   from end to end, or the table read once, whichever is the least
-- Source: migrations reference, "Recent FSM events" and "FSM events by source". One pass answers both and feeds the
--   counters, because the deployed schema has no index on created_at and the table is never pruned. Rows that the
--   caller has counted already are recognised by their number and a sum, as in processed_since.sql. The slots of a
--   source and type come in one row: a row for each slot takes the caller longer to read than all the rest.
SELECT
    source,
    event,
    array_agg(slot) FILTER (WHERE slot IS NOT NULL) AS slots,
    array_agg(last_hour) FILTER (WHERE slot IS NOT NULL) AS slot_events,
    (
        SELECT concat_ws(
            ' ',
            pg_postmaster_start_time(),
            sum(pg_stat_get_tuples_updated(part.id) + pg_stat_get_tuples_deleted(part.id)),
            sum(pg_relation_filenode(part.id)::bigint),
            count(*)
        )
        FROM (
            WITH RECURSIVE tree (id) AS (
                SELECT outbox.typrelid FROM pg_type AS outbox WHERE outbox.oid = pg_typeof(NULL::{fsm_events})
                UNION
                SELECT child.inhrelid FROM tree JOIN pg_inherits AS child ON child.inhparent = tree.id
            )
            SELECT tree.id, c.relkind = 'f' AS is_foreign FROM tree JOIN pg_class AS c ON c.oid = tree.id
        ) AS part
        WHERE NOT pg_is_in_recovery() AND current_setting('track_counts')::boolean
        HAVING count(*) > 0 AND NOT bool_or(is_foreign)
    ) AS edition,
    -- One row each: an array is its own maximum.
    max(last_hour) FILTER (WHERE is_total) AS last_hour,
    max(settled_events) FILTER (WHERE is_total) AS settled_events,
    max(settled_micros) FILTER (WHERE is_total) AS settled_micros,
    max(recent_ids) FILTER (WHERE is_total) AS recent_ids,
    max(recent_at) FILTER (WHERE is_total) AS recent_at,
    max(infinite) FILTER (WHERE is_total) AS infinite,
    max(out_of_range) FILTER (WHERE is_total) AS out_of_range,
    max(nulls) FILTER (WHERE is_total) AS nulls
FROM (
    SELECT
        source,
        event,
        slot,
        grouping(slot) = 1 AS is_total,
        count(*) FILTER (WHERE in_hour) AS last_hour,
        count(*) FILTER (WHERE is_settled) AS settled_events,
        coalesce(
            sum((extract(epoch FROM (taken_at - to_timestamp(%(since)s::double precision))) * 1000000)::bigint)
                FILTER (WHERE is_settled),
            0
        )::bigint AS settled_micros,
        array_agg(event_id::text) FILTER (WHERE is_recent) AS recent_ids,
        array_agg(extract(epoch FROM taken_at)::double precision) FILTER (WHERE is_recent) AS recent_at,
        count(*) FILTER (WHERE NOT isfinite(created_at)) AS infinite,
        count(*) FILTER (
            WHERE isfinite(created_at)
              AND (created_at > to_timestamp(%(latest)s::double precision) OR created_at <= to_timestamp(0))
        ) AS out_of_range,
        count(*) FILTER (
            WHERE created_at IS NULL OR (in_hour AND (source IS NULL OR event IS NULL))
        ) AS nulls
    FROM (
        SELECT
            event_id,
            created_by::text COLLATE "C" AS source,
            event_type::text COLLATE "C" AS event,
            created_at,
            CASE
                WHEN created_at >= now() - interval '1 hour'
                    AND created_at <= to_timestamp(%(latest)s::double precision)
                    THEN floor(extract(epoch FROM created_at::timestamptz) / %(slot_seconds)s::integer)::bigint
            END AS slot,
            -- Of a type without time zone, the last and the first times there are have no like with one.
            CASE
                WHEN created_at > to_timestamp(0) AND created_at <= to_timestamp(%(latest_new)s::double precision)
                    THEN created_at::timestamptz
            END AS taken_at,
            created_at >= now() - interval '1 hour'
                AND created_at <= to_timestamp(%(latest)s::double precision) AS in_hour,
            created_at >= to_timestamp(%(since)s::double precision)
                AND created_at < to_timestamp(%(until)s::double precision) AS is_settled,
            created_at >= to_timestamp(%(until)s::double precision)
                AND created_at <= to_timestamp(%(latest_new)s::double precision) AS is_recent
        FROM {fsm_events}
        WHERE (
                (
                    created_at >= least(now() - interval '1 hour', to_timestamp(%(since)s::double precision))
                    AND created_at < to_timestamp(%(kept_since)s::double precision)
                )
                OR created_at >= greatest(
                    least(now() - interval '1 hour', to_timestamp(%(since)s::double precision)),
                    to_timestamp(%(kept_until)s::double precision)
                )
                OR (%(early)s::boolean AND created_at <= to_timestamp(0))
                OR (%(undated)s::boolean AND created_at IS NULL)
            )
    ) AS events
    GROUP BY GROUPING SETS ((source, event), (source, event, slot))
) AS parts
GROUP BY source, event
ORDER BY last_hour DESC, source, event
