"""The status page: its sections, and that texts are escaped."""

import pytest

from exporter.web import pages
from tests import webtools
from tests.html_reader import PageReader
from tests.webtools import alert, check, collector, watch

HOSTILE = "<script>alert('x')</script>\"'><img src=x onerror=alert(1)>&amp;</style></title>"


def read(**changes: object) -> PageReader:
    return PageReader(pages.status_page("outbox-exporter", "0.1.0", webtools.status() | changes))


def test_recent_changes_have_their_age():
    """As exact as it is known. Without changes there is no such section."""
    exact = {"kind": "server_restart", "text": "PostgreSQL was restarted", "earliest": 880.0, "latest": 880.0}
    between = {"kind": "definition", "text": "an index was dropped", "earliest": 400.0, "latest": 700.0}
    seen = read(now=1000.0, changes=[exact, between]).text
    assert "PostgreSQL was restarted 2 min ago" in seen
    assert "an index was dropped 5 min to 10 min ago" in seen
    assert "Recent changes" not in read(changes=[]).text


def test_hostile_texts_are_escaped():
    """The name of a queue, an error, an alert or a check adds no element and no attribute."""
    harmless: dict[str, object] = {
        "alerts": [alert(muted=True, muted_by="OutboxHeadBlocked")],
        "watch": watch(reasons=["The backlog was high."]),
        "migration": {"checked_at": None, "ok": 1, "unknown": 0, "broken": ["rls"], "unseen": []},
        "notices": [{"name": "notify", "text": "refused"}],
        "changes": [{"kind": "lock", "text": "a lock", "earliest": 1.0, "latest": 2.0}],
        "collectors": [collector(failures={"lock": 3}, problems=["locked"])],
    }
    hostile: dict[str, object] = {
        "database": HOSTILE,
        "server": {"role": HOSTILE, "address": HOSTILE, "replay_lag_seconds": None},
        "alerts": [alert(muted=True, muted_by=HOSTILE,
                         **dict.fromkeys(("alert", "summary", "description", "runbook_url"), HOSTILE))],
        "watch": watch(summary=HOSTILE, reasons=[HOSTILE], verdict=HOSTILE, headline=HOSTILE,
                       checks=[check(title=HOSTILE, verdict=HOSTILE, word=HOSTILE, reason=HOSTILE)]),
        "migration": {"checked_at": None, "ok": 1, "unknown": 0, "broken": [HOSTILE], "unseen": []},
        "application": {"healthy": False, "endpoints": {HOSTILE: False}, "checks": {HOSTILE: False}},
        "notices": [{"name": HOSTILE, "text": HOSTILE}],
        "changes": [{"kind": HOSTILE, "text": HOSTILE, "earliest": 1.0, "latest": 2.0}],
        "collectors": [collector(name=HOSTILE, failures={HOSTILE: 3}, problems=[HOSTILE])],
    }  # fmt: skip
    hostile["signals"] = webtools.status()["signals"] | {"events_last_hour": {HOSTILE: 4.0}}
    seen = PageReader(pages.status_page(HOSTILE, HOSTILE, webtools.status() | hostile))
    usual = read(**harmless)
    assert seen.text.count(HOSTILE) == 25
    assert set(seen.elements) == set(usual.elements)
    assert set(seen.attributes) == set(usual.attributes)


@pytest.mark.parametrize(
    ("runbook_url", "link"),
    [
        ("", "runbooks/OutboxStalled"),
        ("https://ops.example/outbox/runbooks/OutboxStalled", "runbooks/OutboxStalled"),
        ("https://wiki.example/runbooks/OutboxStalled.md", "https://wiki.example/runbooks/OutboxStalled.md"),
    ],
)
def test_an_alert_leads_to_its_runbook(runbook_url, link):
    """To the exporter's own page by a relative link, or to the address of the configuration."""
    status = webtools.status() | {"alerts": [alert(runbook_url=runbook_url)]}
    page = pages.status_page("outbox-exporter", "0.1.0", status)
    assert f'<a href="{link}">OutboxStalled runbook</a>' in page
    assert '<a href="runbooks/">Runbooks</a>' in page


def test_no_script_and_no_external_resource():
    page = pages.status_page("outbox-exporter", "0.1.0", webtools.status())
    assert not {"script", "img", "link", "iframe", "form"} & set(PageReader(page).elements)
    assert "http:" not in page
    assert "https:" not in page
    assert "url(" not in page


def test_alerts_are_unknown_before_the_first_evaluation():
    """The page must not claim that no alert is firing."""
    text = read(alerts=None, migration=None, watch=None).text
    assert "unknown: not evaluated yet" in text
    assert "No alert is firing" not in text
    assert "intact" not in text
    assert "unknown: see the problems" in text
    assert "alerts are not evaluated yet" in text


def test_alerts_come_before_the_signals():
    """Then the parts, with the problems of the exporter."""
    seen = read(alerts=[alert()], collectors=[collector(problems=["locked"])])
    order = [seen.text.index(words) for words in ("none completes", "Parts", "Problems of the exporter", "Signals")]
    assert order == sorted(order)


def test_the_watch_in_one_line():
    """The verdict so far, the time left, the coverage."""
    running = read(watch=watch()).text
    for words in ("no problem so far", "12 h left", "coverage 99.8 %", "1 check"):
        assert words in running
    failed = read(
        watch=watch(state="failed", verdict="FAIL", headline="FAIL", ends=999_000.0, reasons=["Jobs were stuck."])
    ).text
    for words in ("FAIL", "ended 1970-01-12 13:30 UTC", "Jobs were stuck."):
        assert words in failed
    assert "No watch has started. To start one: outbox-exporter watch start" in read().text


@pytest.mark.parametrize(
    ("hidden", "message"),
    [("register", "a migration does not start a watch"), ("cron", "clean-up jobs of pg_cron are not visible")],
)
def test_parts_of_the_migration_that_the_role_cannot_see(hidden, message):
    """They are named, with the script that grants access."""
    seen = read(migration={"checked_at": 999_880.0, "ok": 40, "unknown": 3, "broken": [], "unseen": []}).text
    text = read(migration={"checked_at": 999_880.0, "ok": 40, "unknown": 3, "broken": [], "unseen": [hidden]}).text
    assert message in text
    assert "outbox-exporter files show sql/grant_migration_access.sql | psql" in text
    assert "grant_migration_access" not in seen


def test_a_check_without_a_verdict_says_why():
    """In words, in place of the verdict."""
    checks = [check(), check(title="Processing time", verdict=None, word="no baseline", reason="There was none.")]
    seen = read(watch=watch(checks=checks))
    assert "Processing timeno baselineThere was none." in seen.text


def test_a_part_that_is_not_visible_is_granted_once():
    """One command grants both."""
    unseen = ["register", "cron"]
    text = read(migration={"checked_at": 999_880.0, "ok": 40, "unknown": 3, "broken": [], "unseen": unseen}).text
    assert text.count("grant_migration_access.sql") == 1


def test_a_broken_migration_is_named():
    text = read(
        migration={
            "checked_at": 999_880.0,
            "ok": 47.0,
            "unknown": 0.0,
            "broken": ["index_idx_job_outbox_unprocessed"],
            "unseen": [],
        }
    ).text
    assert "broken, checked 2 min ago: 47 checks ok, 1 broken" in text
    assert "index_idx_job_outbox_unprocessed" in text


def test_problems_come_before_the_signals():
    seen = read(config_reload_successful=False, collectors=[collector(problems=["grant SELECT"])]).text
    assert "Problems of the exporter" in seen
    assert seen.index("the last reload failed") < seen.index("grant SELECT") < seen.index("Signals")
    assert "Problems of the exporter" not in read().text


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "fresh"),
        ({"fresh": False}, "stale"),
        ({"success": False}, "failing"),
        ({"success": False, "fresh": False}, "failing, stale"),
        ({"success": None, "fresh": False, "last_success": None, "duration_seconds": None}, "not run yet"),
    ],
)
def test_states_of_a_collector(changes, state):
    assert f">{state}</span>" in pages.status_page("x", "1", webtools.status() | {"collectors": [collector(**changes)]})


def test_declared_maintenance_and_its_overrun_are_shown():
    """It explains a growing backlog; past its end it is shown as not ended."""
    assert "Maintenance" not in read().text
    assert (
        "Maintenance is declared until 1970-01-12 14:46 UTC: the backlog may grow."
        in read(maintenance_until=1_000_000.0 + 3600).text
    )
    assert "until 1970-01-12 12:46 UTC and has not been ended" in read(maintenance_until=1_000_000.0 - 3600).text


def test_each_problem_is_shown_once():
    """With all that have it; what stands before it, such as an endpoint or a statement, follows it."""
    seen = read(
        collectors=[
            collector(name="backlog", problems=["session: canceling statement due to lock timeout"]),
            collector(name="migration", problems=["columns: canceling statement due to lock timeout"]),
            collector(name="application", problems=["getFSM: refused", "getOutbox: refused"]),
        ],
        notices=[{"name": "state", "text": "no space left on device: state"}],
    ).text
    assert "backlog, migration: canceling statement due to lock timeout (session, columns)" in seen
    assert "application: refused (getFSM, getOutbox)" in seen
    assert "state: no space left on device: state" in seen
    assert seen.count("canceling statement") == 1


def test_the_application_is_shown():
    """Its health, endpoints and health checks, each with a word."""
    checks = {"outbox_alive": True, "queue_depth_ok": False}
    seen = read(application={"healthy": False, "endpoints": {"getFSM": True}, "checks": checks}).text
    for words in ("not healthy", "getFSM answers", "outbox_alive passes, queue_depth_ok fails"):
        assert words in seen
    assert "No application is configured." in read(application=None).text


def test_the_time_of_the_page_is_shown():
    """A page in a tab that no longer reloads must not pass for the present."""
    assert "1970-01-12 13:46:40 UTC" in read().text
