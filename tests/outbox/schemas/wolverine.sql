-- Wolverine 6.29.2
CREATE SCHEMA wolverine;
CREATE TABLE wolverine.wolverine_outgoing_envelopes (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    owner_id integer NOT NULL,
    destination varchar NOT NULL,
    deliver_by timestamptz,
    body bytea NOT NULL DEFAULT '',
    attempts integer DEFAULT 0,
    message_type varchar NOT NULL DEFAULT 'Ordered'
);
CREATE INDEX ON wolverine.wolverine_outgoing_envelopes (owner_id) WHERE owner_id <> 0;
CREATE TABLE wolverine.wolverine_dead_letters (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    execution_time timestamptz,
    body bytea NOT NULL DEFAULT '',
    message_type varchar NOT NULL DEFAULT 'Ordered',
    received_at varchar,
    source varchar,
    exception_type varchar,
    exception_message varchar,
    sent_at timestamptz,
    replayable boolean
);

INSERT INTO wolverine.wolverine_outgoing_envelopes (owner_id, destination) VALUES
    (1, 'rabbitmq://queue/mail'),
    (1, 'rabbitmq://queue/report'),
    -- of a node that is gone
    (0, 'rabbitmq://queue/mail');
INSERT INTO wolverine.wolverine_dead_letters (received_at) VALUES ('rabbitmq://queue/mail');
