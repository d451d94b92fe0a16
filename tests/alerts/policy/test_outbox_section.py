"""What runbooks say about an outbox that is not in the default tables."""

from __future__ import annotations

from dataclasses import replace

from alerts.policy.load import configured_policy
from alerts.policy.outbox_section import index_with_outbox, profile_of, with_outbox
from alerts.policy.runbook_file import runbook
from exporter.config.settings import Config, OutboxSettings
from tests.outbox.shapes import configuration

GRAPHILE = replace(Config(), outbox=OutboxSettings(profile="graphile-worker"))


def page(alert: str, config: Config) -> str:
    return with_outbox(runbook(alert) or "", alert, config, configured_policy(config))


def test_the_worker_and_the_commands_of_a_library():
    """Before the first section, with what a monitor of it has to know."""
    text = page("OutboxStalled", GRAPHILE)
    before, after = text.split("## Meaning")
    assert before.startswith("# OutboxStalled\n\n## This outbox\n\nThe jobs are those of Graphile Worker, in the table")
    assert "table `_private_jobs`. Their worker: graphile-worker.\n\n- restart: restart graphile-worker" in before
    assert "\n- retry: SELECT graphile_worker.reschedule_jobs" in before
    assert "- A processed job is deleted." in before
    assert "the worker for the processor" in before
    assert f"# OutboxStalled\n\n## Meaning{after}" == runbook("OutboxStalled")


def test_the_thresholds():
    """Of this configuration, with their source; a page about an alert without a threshold names none."""
    config = replace(Config(), outbox=OutboxSettings(profile="pg-boss"))
    text = page("OutboxRetentionOverdue", config)
    assert (
        "\nThreshold (ticket): 9 d; deleteAfterSeconds, 7 days by default, the daily maintenance, and one day (" in text
    )
    assert "\nThreshold (page): 5 min; deployed: " in page("OutboxJobsWaitingLong", config)
    assert "Threshold (" not in page("OutboxWatchFailed", config)


def test_an_alert_that_this_outbox_does_not_have():
    """Its page says so, and why."""
    text = page("OutboxProcessingSlow", GRAPHILE)
    assert "This alert does not exist for this outbox. Reason: the row of a processed job is deleted." in text


def test_a_mapping_of_ones_own():
    """The table is known; a library is not."""
    config = configuration("boolean")
    assert profile_of(config) is None
    assert "The jobs are in the table `outbox`, by the mapping in the configuration." in page("OutboxStalled", config)


def test_the_list():
    """Of the alerts that exist, with their summaries for this outbox; the default tables have the shipped one."""
    shipped = runbook("") or ""
    text = index_with_outbox(shipped, GRAPHILE, configured_policy(GRAPHILE))
    assert "| [OutboxWatchFailed](OutboxWatchFailed.md) | page | The watch has failed |\n" in text
    assert (
        "| [OutboxBacklogHigh](OutboxBacklogHigh.md) | page, ticket | The outbox backlog is high and does not" in text
    )
    assert "OutboxMigrationBroken" not in text
    assert text.count("\n| [") == len({rule.key.alert for rule in configured_policy(GRAPHILE).rules})
    assert "\n\nAlerts that this outbox does not have are left out. What follows names the application of" in text
    assert text.endswith(shipped.partition("## How to read them")[2])
    assert index_with_outbox(shipped, Config(), configured_policy(Config())) == shipped


def test_exhausted_jobs_that_are_not_attempted_again():
    """The runbooks say of the default tables that the next poll processes them."""
    said = "An exhausted job of this outbox is not attempted again, whatever the runbook says of the next poll"
    assert said in page("OutboxJobsExhausted", GRAPHILE)
    assert said not in page("OutboxJobsExhausted", configuration("boolean"))


def test_the_default_tables():
    """Their runbooks are as they are shipped, whether the profile is named or not."""
    for settings in (OutboxSettings(), OutboxSettings(profile="default")):
        config = replace(Config(), outbox=settings)
        assert page("OutboxStalled", config) == runbook("OutboxStalled")
        assert profile_of(config) is None
    changed = replace(Config(), outbox=OutboxSettings(profile="default", max_attempts="5"))
    assert profile_of(changed) is None
