-- replay.sql
-- Question: What proves how old the rows of this standby are?
-- Parameters:
-- Columns:
--   started bigint not null: when the server was started, microseconds since 1970; tells it from another one
--   version integer not null: server_version_num
--   replayed bigint null: up to where WAL is replayed, bytes; null on a primary
--   committed_at bigint null: when the last replayed transaction ended, by the primary's clock, microseconds since 1970
--   receiving boolean not null: a WAL receiver is connected
--   sender_end bigint null: up to where the sender had WAL when it was last heard, bytes; null for a role without
--     the privileges of pg_read_all_stats, as the two below
--   sent_at bigint null: when the message last heard was sent, by the sender's clock, microseconds since 1970
--   heard_at bigint null: when it came in, likewise; equal to sent_at while nothing was heard yet
--   paused boolean not null: somebody has paused the replay
--   apply_delay text not null: recovery_min_apply_delay
--   receiver_timeout text not null: wal_receiver_timeout; a receiver without a message for half of it asks
-- Index: none, reads no table
-- Source: PostgreSQL documentation, "Recovery Information Functions" and pg_stat_wal_receiver, which shows only
--   the columns of this function. Asked of standbys alone, and first: the snapshot is taken when this statement begins, and
--   WAL replayed between that and its end, less than a millisecond as a rule, counts as seen.
--   Every name and operator is qualified: the search_path is not ours yet.
SELECT
    (extract(epoch FROM pg_catalog.pg_postmaster_start_time()) OPERATOR(pg_catalog.*) 1000000)::bigint AS started,
    pg_catalog.current_setting('server_version_num')::integer AS version,
    pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_last_wal_replay_lsn(), '0/0')::bigint AS replayed,
    (extract(epoch FROM pg_catalog.pg_last_xact_replay_timestamp()) OPERATOR(pg_catalog.*) 1000000)::bigint
        AS committed_at,
    receiver.pid IS NOT NULL AS receiving,
    pg_catalog.pg_wal_lsn_diff(receiver.latest_end_lsn, '0/0')::bigint AS sender_end,
    (extract(epoch FROM receiver.last_msg_send_time) OPERATOR(pg_catalog.*) 1000000)::bigint AS sent_at,
    (extract(epoch FROM receiver.last_msg_receipt_time) OPERATOR(pg_catalog.*) 1000000)::bigint AS heard_at,
    -- An error on a server that is no standby (any more).
    CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_is_wal_replay_paused() ELSE false END AS paused,
    pg_catalog.current_setting('recovery_min_apply_delay') AS apply_delay,
    pg_catalog.current_setting('wal_receiver_timeout') AS receiver_timeout
FROM pg_catalog.pg_stat_get_wal_receiver() AS receiver
