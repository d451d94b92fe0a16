-- idempotency.sql
-- Question: How large is the idempotency cache, and since when are expired keys left there?
-- Parameters: none
-- Columns:
--   live bigint not null: keys that still answer by right; one without expiry never expires
--   expired bigint not null: keys past their expiry that the clean-up has not removed
--   oldest_expired double precision null: smallest plausible expires_at among the expired, Unix seconds
--   infinite bigint not null: keys that expired at -infinity; one that expires at infinity is simply live
--   out_of_range bigint not null: keys that expired before 1970
--   nulls bigint not null: keys without expires_at
-- Index: idx_idempotency_expires (expires_at)
-- Source: migrations reference, "Cache size" (the sum); deployed application, "Expired keys still answer until the
--   daily clean-up removes them".
SELECT
    count(*) - count(*) FILTER (WHERE expires_at <= now()) AS live,
    count(*) FILTER (WHERE expires_at <= now()) AS expired,
    extract(
        epoch FROM (min(expires_at) FILTER (WHERE expires_at <= now() AND expires_at > to_timestamp(0)))::timestamptz
    )::double precision AS oldest_expired,
    count(*) FILTER (WHERE expires_at = '-infinity') AS infinite,
    count(*) FILTER (WHERE expires_at <= to_timestamp(0) AND expires_at > '-infinity') AS out_of_range,
    count(*) - count(expires_at) AS nulls
FROM {idempotency_keys}
