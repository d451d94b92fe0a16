-- diagnosis/server.sql
-- Question: Since when does the server run, and how many of its connections are in use?
-- Parameters:
-- Columns:
--   started double precision not null: seconds since the server was started
--   connections bigint not null: sessions of every database, this one included
--   max_connections bigint not null: sessions that roles without special privileges may open
-- Index: none, reads no table: shared memory of the statistics
-- Source: PostgreSQL documentation, pg_stat_database.numbackends, visible to every role
SELECT
    extract(epoch FROM now() - pg_postmaster_start_time())::double precision AS started,
    (SELECT coalesce(sum(numbackends), 0)::bigint FROM pg_stat_database) AS connections,
    current_setting('max_connections')::bigint - current_setting('superuser_reserved_connections')::bigint AS max_connections
