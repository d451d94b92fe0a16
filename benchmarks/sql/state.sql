-- What is in this database, for the next invocation that wants the same.
CREATE SCHEMA benchmark;
CREATE TABLE benchmark.state (size JSONB NOT NULL, filled_until TIMESTAMPTZ NOT NULL);
