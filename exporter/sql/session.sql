-- session.sql
-- Question: Is this transaction read-only, and of which server and role? Sets its limits.
-- Parameters:
--   statement_timeout text: longest statement, as PostgreSQL writes durations ('5000ms')
--   lock_timeout text: longest wait for a lock
--   transaction_timeout text: longest transaction, idle or not; the server ends ours if we hang
-- Columns:
--   now double precision not null: start of this transaction, Unix seconds of the database's clock
--   read_only boolean not null: the server refuses writes in this transaction
--   isolation text not null: 'repeatable read', so that all statements share one snapshot
--   role text not null: the role whose privileges and row security apply, quoted where its name needs it
--   in_recovery boolean not null: a standby answers, or another server that still replays WAL
--   host text null: the server's own address; null over a Unix socket
--   port integer null: the server's own port; null over a Unix socket
--   started double precision not null: when the server was started, Unix seconds of its clock, to the microsecond
-- Index: none, reads no table
-- Source: PostgreSQL documentation, chapters "SET TRANSACTION" and "Client Connection Defaults".
--   Everything is local to the transaction: a pooler hands the next client a clean connection. What answers depend on
--   besides is set before, by defaults.sql.
SELECT
    extract(epoch FROM now())::double precision AS now,
    current_setting('transaction_read_only') = 'on' AS read_only,
    current_setting('transaction_isolation') AS isolation,
    quote_ident(current_user) AS role,
    pg_is_in_recovery() AS in_recovery,
    host(inet_server_addr()) AS host,
    inet_server_port() AS port,
    extract(epoch FROM pg_postmaster_start_time())::double precision AS started
FROM (
    SELECT
        set_config('statement_timeout', %(statement_timeout)s, true),
        set_config('lock_timeout', %(lock_timeout)s, true),
        set_config('idle_in_transaction_session_timeout', %(transaction_timeout)s, true),
        -- A timer that the role's own limit has started runs on, unless it is switched off first.
        CASE WHEN current_setting('server_version_num')::integer >= 170000
            THEN set_config('transaction_timeout', '0', true)
        END,
        CASE WHEN current_setting('server_version_num')::integer >= 170000
            THEN set_config('transaction_timeout', %(transaction_timeout)s, true)
        END
    -- OFFSET keeps the planner from dropping columns that nobody reads, and their effect with them.
    OFFSET 0
) AS settings
