-- Where others have NULL for what has not happened, numbers are 0, or the largest one for "never".
CREATE TABLE mail_outbox (
    id bigserial PRIMARY KEY,
    created_at bigint NOT NULL,
    sent_at bigint,
    locked_at bigint NOT NULL DEFAULT 0,
    next_retry_at bigint NOT NULL DEFAULT 0
);
INSERT INTO mail_outbox (created_at, sent_at, next_retry_at) VALUES
    (1767592800000, NULL, 0),
    (1767592800000, NULL, 9223372036854775807),
    (1767506400000, 1767506460000, 0);
