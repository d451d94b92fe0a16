-- Read from the write-ahead log, as by Debezium's outbox event router: no column says what was read.
CREATE TABLE outboxevent (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    aggregatetype varchar(255) NOT NULL,
    aggregateid varchar(255) NOT NULL,
    type varchar(255) NOT NULL,
    payload jsonb
);

INSERT INTO outboxevent (aggregatetype, aggregateid, type) VALUES ('order', '1', 'OrderCreated');
