-- migration/cron_jobs.sql
-- Question: Which pg_cron jobs work on these tables in this database, as far as this role sees them?
-- Parameters:
--   names text[]: names of the documented jobs
--   tables text[]: names of the tables, looked for in the jobs' commands
-- Columns:
--   id bigint not null: cron.job.jobid
--   name text null: its name, if it has one
--   schedule text not null: five fields, as cron reads them
--   command text not null: what it runs
--   owner text not null: the role it runs as
--   active boolean not null: it is run at all
-- Index: none; cron.job has as many rows as there are jobs
-- Source: migrations reference, "Check pg_cron jobs" and rollback step 6; pg_cron's own table
SELECT
    j.jobid AS id,
    j.jobname::text AS name,
    j.schedule,
    j.command,
    j.username::text AS owner,
    j.active
FROM cron.job AS j
WHERE j.database = current_database()
  AND (
      j.jobname::text = ANY (%(names)s::text[])
      OR j.jobname::text ~ '(idempotency|outbox)'
      OR j.command ~* ('\m(' || array_to_string(%(tables)s::text[], '|') || ')\M')
  )
ORDER BY j.jobid
