-- migration/smoke_limits.sql
-- Question: May this transaction write, and as which role? Sets its limits.
-- Parameters:
--   statement_timeout text: longest statement, as PostgreSQL writes durations ('5000ms')
--   lock_timeout text: longest wait for a lock
--   idle_timeout text: longest pause between statements; has to be shorter than `transaction_timeout`
--   transaction_timeout text: longest transaction
-- Columns:
--   read_only boolean not null: the server refuses writes here: a standby, or a role made for reading
--   in_recovery boolean not null: that is because a standby answers
--   role text not null: the role whose privileges and row security apply, quoted where its name needs it
-- Index: none, reads no table
-- Source: PostgreSQL documentation, "Client Connection Defaults". From PostgreSQL 17 on the idle timer is not set when
--   transaction_timeout would end the pause as soon; but an error that a savepoint catches stops that other timer, and
--   a transaction that expects to be refused would then stay open after its client is gone until TCP notices.
SELECT
    current_setting('transaction_read_only') = 'on' AS read_only,
    pg_is_in_recovery() AS in_recovery,
    quote_ident(current_user) AS role
FROM (
    SELECT
        set_config('statement_timeout', %(statement_timeout)s, true),
        set_config('lock_timeout', %(lock_timeout)s, true),
        set_config('idle_in_transaction_session_timeout', %(idle_timeout)s, true),
        CASE WHEN current_setting('server_version_num')::integer >= 170000
            THEN set_config('transaction_timeout', '0', true)
        END,
        CASE WHEN current_setting('server_version_num')::integer >= 170000
            THEN set_config('transaction_timeout', %(transaction_timeout)s, true)
        END
    -- OFFSET keeps the planner from dropping columns that nobody reads, and their effect with them.
    OFFSET 0
) AS settings
