-- ============================================================================
-- A stand-in for pg_cron
-- Purpose: the part of pg_cron 1.4 that users see, for a server without the extension:
--          schema, tables with their row-level security, functions by name and signature
-- Executed by: exporter/lab/workload/cron.py runs what is due; nothing in the database does
-- Applied by: exporter/lab/migrate.py where pg_cron is absent; runs again without harm
-- Differs from pg_cron: plain functions with the caller's rights, so only the owner of
--          the schema can schedule
-- Source: https://github.com/citusdata/pg_cron (names, types, defaults, grants, policies)
-- ============================================================================

CREATE SCHEMA IF NOT EXISTS cron;
CREATE SEQUENCE IF NOT EXISTS cron.jobid_seq;
CREATE SEQUENCE IF NOT EXISTS cron.runid_seq;

CREATE TABLE IF NOT EXISTS cron.job (
  jobid BIGINT PRIMARY KEY DEFAULT nextval('cron.jobid_seq'),
  schedule TEXT NOT NULL,
  command TEXT NOT NULL,
  nodename TEXT NOT NULL DEFAULT 'localhost',
  nodeport INT NOT NULL DEFAULT current_setting('port')::int,
  database TEXT NOT NULL DEFAULT current_database(),
  username TEXT NOT NULL DEFAULT current_user,
  active BOOLEAN NOT NULL DEFAULT true,
  jobname NAME,
  CONSTRAINT jobname_username_uniq UNIQUE (jobname, username)
);

CREATE TABLE IF NOT EXISTS cron.job_run_details (
  jobid BIGINT,
  runid BIGINT PRIMARY KEY DEFAULT nextval('cron.runid_seq'),
  job_pid INT,
  database TEXT,
  username TEXT,
  command TEXT,
  status TEXT,
  return_message TEXT,
  start_time TIMESTAMPTZ,
  end_time TIMESTAMPTZ
);

-- A role sees its own jobs only: an empty cron.job can mean "not visible".
GRANT SELECT ON cron.job TO PUBLIC;
GRANT SELECT, DELETE ON cron.job_run_details TO PUBLIC;
GRANT SELECT ON SEQUENCE cron.jobid_seq, cron.runid_seq TO PUBLIC;
ALTER TABLE cron.job ENABLE ROW LEVEL SECURITY;
ALTER TABLE cron.job_run_details ENABLE ROW LEVEL SECURITY;
DROP POLICY IF EXISTS cron_job_policy ON cron.job;
CREATE POLICY cron_job_policy ON cron.job USING (username = current_user);
DROP POLICY IF EXISTS cron_job_run_details_policy ON cron.job_run_details;
CREATE POLICY cron_job_run_details_policy ON cron.job_run_details USING (username = current_user);

-- Five fields of digits, names and * , - / : enough to refuse what pg_cron would refuse at once.
CREATE OR REPLACE FUNCTION cron.schedule(job_name TEXT, schedule TEXT, command TEXT) RETURNS BIGINT
LANGUAGE plpgsql
AS $$
DECLARE
  v_jobid BIGINT;
BEGIN
  IF schedule IS NULL OR trim(schedule) !~ '^([0-9A-Za-z*,/-]+\s+){4}[0-9A-Za-z*,/-]+$' THEN
    RAISE EXCEPTION 'invalid schedule: %', schedule;
  END IF;
  INSERT INTO cron.job AS j (jobname, schedule, command) VALUES (job_name, schedule, command)
  ON CONFLICT ON CONSTRAINT jobname_username_uniq
  DO UPDATE SET schedule = EXCLUDED.schedule, command = EXCLUDED.command
  RETURNING j.jobid INTO v_jobid;
  RETURN v_jobid;
END
$$;

CREATE OR REPLACE FUNCTION cron.schedule(schedule TEXT, command TEXT) RETURNS BIGINT
LANGUAGE sql
AS $$
  SELECT cron.schedule(NULL, schedule, command)
$$;

CREATE OR REPLACE FUNCTION cron.unschedule(job_id BIGINT) RETURNS BOOLEAN
LANGUAGE plpgsql
AS $$
BEGIN
  DELETE FROM cron.job WHERE jobid = job_id AND username = current_user;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'could not find valid entry for job ''%''', job_id;
  END IF;
  RETURN true;
END
$$;

CREATE OR REPLACE FUNCTION cron.unschedule(job_name NAME) RETURNS BOOLEAN
LANGUAGE plpgsql
AS $$
BEGIN
  DELETE FROM cron.job WHERE jobname = job_name AND username = current_user;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'could not find valid entry for job ''%''', job_name;
  END IF;
  RETURN true;
END
$$;

CREATE OR REPLACE FUNCTION cron.alter_job(
  job_id BIGINT,
  schedule TEXT DEFAULT NULL,
  command TEXT DEFAULT NULL,
  database TEXT DEFAULT NULL,
  username TEXT DEFAULT NULL,
  active BOOLEAN DEFAULT NULL
) RETURNS VOID
LANGUAGE plpgsql
AS $$
BEGIN
  UPDATE cron.job AS j SET
    schedule = COALESCE(alter_job.schedule, j.schedule),
    command = COALESCE(alter_job.command, j.command),
    database = COALESCE(alter_job.database, j.database),
    username = COALESCE(alter_job.username, j.username),
    active = COALESCE(alter_job.active, j.active)
  WHERE j.jobid = alter_job.job_id;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'Job % does not exist or you don''t own it', job_id;
  END IF;
END
$$;
REVOKE ALL ON FUNCTION cron.alter_job(BIGINT, TEXT, TEXT, TEXT, TEXT, BOOLEAN) FROM PUBLIC;
