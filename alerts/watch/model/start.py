"""How a watch begins, and why it cannot begin automatically."""

MANUAL = "manual"
MIGRATION = "migration"

BY_HAND = "outbox-exporter watch start"
REGISTER = "supabase_migrations.schema_migrations"
# Why the applied versions are unknown, by the number of the mark that is set meanwhile.
HIDDEN, STANDBY = 2, 3
PROBLEMS = {
    HIDDEN: f"{REGISTER} is not visible: start the watch by hand, {BY_HAND}, or grant the exporter's role access, "
    "`outbox-exporter files show sql/grant_migration_access.sql | psql`",
    STANDBY: f"{REGISTER} is read from a standby: start the watch by hand, {BY_HAND}",
}
