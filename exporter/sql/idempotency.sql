-- idempotency.sql
-- Question: How large is the idempotency cache, and how long has what expired been left there?
-- Parameters: none
-- Columns:
--   live bigint not null: keys that still answer by right
--   expired bigint not null: keys past their expiry that the clean-up has not removed
--   oldest_expired double precision null: smallest expires_at among the expired, Unix seconds
-- Index: idx_idempotency_expires (expires_at)
-- Source: migrations reference, "Cache size" (the sum); deployed application, "Expired keys still answer until the
--   daily clean-up removes them".
SELECT
    count(*) FILTER (WHERE expires_at > now()) AS live,
    count(*) FILTER (WHERE expires_at <= now()) AS expired,
    extract(epoch FROM min(expires_at) FILTER (WHERE expires_at <= now()))::double precision AS oldest_expired
FROM {idempotency_keys}
