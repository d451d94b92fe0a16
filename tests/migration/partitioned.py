"""The outbox in partitions by month, as for cheap retention: the primary key has to contain the partition key."""

from __future__ import annotations

# Row-level security on each partition: a query that names a partition is subject to that of the partition only.
PARTITIONED = """
    DROP TABLE job_outbox;
    CREATE TABLE job_outbox (
      outbox_id UUID NOT NULL DEFAULT gen_random_uuid(),
      entity_id UUID NOT NULL REFERENCES courses (id) ON DELETE CASCADE,
      queue_name VARCHAR(100) NOT NULL,
      job_data JSONB NOT NULL DEFAULT '{}',
      job_options JSONB NOT NULL DEFAULT '{}',
      created_at TIMESTAMPTZ NOT NULL DEFAULT NOW(),
      processed_at TIMESTAMPTZ,
      attempts INTEGER NOT NULL DEFAULT 0,
      last_error TEXT,
      last_attempt_at TIMESTAMPTZ,
      PRIMARY KEY (outbox_id, created_at)
    ) PARTITION BY RANGE (created_at);
    CREATE INDEX idx_job_outbox_unprocessed ON job_outbox (created_at) WHERE processed_at IS NULL;
    CREATE INDEX idx_job_outbox_entity ON job_outbox (entity_id);
    CREATE INDEX idx_job_outbox_cleanup ON job_outbox (processed_at) WHERE processed_at IS NOT NULL;
    DO $$
    DECLARE month DATE := date_trunc('month', NOW() - INTERVAL '2 months');
    BEGIN
      FOR number IN 0..4 LOOP
        EXECUTE format('CREATE TABLE job_outbox_p%s PARTITION OF job_outbox FOR VALUES FROM (%L) TO (%L)',
                       number, month, month + INTERVAL '1 month');
        EXECUTE format('ALTER TABLE job_outbox_p%s ENABLE ROW LEVEL SECURITY', number);
        month := month + INTERVAL '1 month';
      END LOOP;
    END $$;
    CREATE TABLE job_outbox_default PARTITION OF job_outbox DEFAULT;
    ALTER TABLE job_outbox_default ENABLE ROW LEVEL SECURITY;
    ALTER TABLE job_outbox ENABLE ROW LEVEL SECURITY;
    CREATE POLICY job_outbox_system_only ON job_outbox FOR ALL USING (false) WITH CHECK (false);
"""
