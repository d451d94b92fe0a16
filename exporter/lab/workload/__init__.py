"""The load on the database: traffic, the outbox processor with its queues, cron jobs."""
