-- diagnosis/expired_keys.sql
-- Question: How many idempotency keys have expired, and since when has the oldest been?
-- Parameters:
--   count_limit bigint: expired keys, the oldest, that are read
-- Columns:
--   keys bigint not null: expired keys that were read
--   oldest double precision null: seconds since the oldest of them expired; null without one
-- Index: idx_idempotency_expires (expires_at)
-- Source: migrations reference, the daily clean-up of expired keys
SELECT
    count(*) AS keys,
    extract(epoch FROM now() - min(expires_at))::double precision AS oldest
FROM (
    SELECT expires_at::timestamptz
    FROM {idempotency_keys}
    WHERE expires_at < now() AND expires_at > to_timestamp(0)
    ORDER BY expires_at
    LIMIT %(count_limit)s::bigint
) AS expired
