"""The landing page: everything on it is text, and unknown is not zero."""

from html.parser import HTMLParser

import pytest

from exporter.web import pages
from tests import webtools
from tests.webtools import alert, collector, watch

HOSTILE = "<script>alert('x')</script>\"'><img src=x onerror=alert(1)>&amp;</style></title>"


class Reader(HTMLParser):
    """What a browser would see: the elements and the texts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[str] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes += [name for name, _ in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def read(**changes: object) -> Reader:
    return Reader(pages.status_page("outbox-exporter", "0.1.0", webtools.status() | changes))


def test_jobs_that_no_counter_has():
    """They are told of with the reason; none, or not known, is no news."""
    seen = read(unaccounted={"removed": 3.0, "uncounted": 40.0}).text
    assert "uncounted since the exporter began: 40 with a processed_at so far off that no counter reads them" in seen
    assert "3 because their rows were deleted" in seen
    for quiet in ({"removed": 0.0, "uncounted": 0.0}, None):
        assert "left the backlog uncounted" not in read(unaccounted=quiet).text


def test_hostile_texts_stay_texts():
    """Whatever a queue, an error, an alert or a check is called: no element and no attribute comes of it."""
    trouble: dict[str, object] = {
        "alerts": [alert()],
        "watch": watch(reasons=["The backlog was high."]),
        "migration": {"ok": 1, "unknown": 0, "broken": ["rls"], "unseen": []},
        "notices": [{"name": "notify", "text": "refused"}],
        "collectors": [collector(failures={"lock": 3}, problems=["locked"])],
    }
    hostile: dict[str, object] = {
        "database": HOSTILE,
        "server": {"role": HOSTILE, "address": HOSTILE, "replay_lag_seconds": None},
        "alerts": [alert(**dict.fromkeys(("alert", "summary", "description", "runbook_url"), HOSTILE))],
        "watch": watch(summary=HOSTILE, reasons=[HOSTILE], verdict=HOSTILE,
                       checks=[{"title": HOSTILE, "verdict": HOSTILE, "reason": HOSTILE}]),
        "migration": {"ok": 1, "unknown": 0, "broken": [HOSTILE], "unseen": []},
        "notices": [{"name": HOSTILE, "text": HOSTILE}],
        "collectors": [collector(name=HOSTILE, failures={HOSTILE: 3}, problems=[HOSTILE])],
    }  # fmt: skip
    hostile["signals"] = webtools.status()["signals"] | {"events_last_hour": {HOSTILE: 4.0}}
    seen = Reader(pages.status_page(HOSTILE, HOSTILE, webtools.status() | hostile))
    usual = read(**trouble)
    assert seen.text.count(HOSTILE) == 22
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
    """To the exporter's own page by a relative link, whatever led here; or to where the configuration says."""
    status = webtools.status() | {"alerts": [alert(runbook_url=runbook_url)]}
    page = pages.status_page("outbox-exporter", "0.1.0", status)
    assert f'<a href="{link}">OutboxStalled: what to do</a>' in page
    assert '<a href="runbooks/">Runbooks</a>' in page


def test_nothing_from_elsewhere_and_no_script():
    page = pages.status_page("outbox-exporter", "0.1.0", webtools.status())
    assert not {"script", "img", "link", "iframe", "form"} & set(Reader(page).elements)
    assert "http:" not in page
    assert "https:" not in page
    assert "url(" not in page


def test_the_five_signals_are_there():
    text = read().text
    for value in ("1,234", "3 min 25 s", "1.2 s", "5,431", "API 5,120, QUEUE 0, WORKER 311", "48,211", "0.2 %"):
        assert value in text


def test_unknown_is_not_zero():
    seen = read(signals=dict.fromkeys(webtools.status()["signals"])).text
    signals = seen[seen.index("Signals") : seen.index("Migration")]
    assert signals.count("unknown") == 5
    assert "0" not in signals


def test_what_was_not_judged_is_not_well():
    """Before the first evaluation no alert fires, and nobody may read that as silence."""
    text = read(alerts=None, migration=None, watch=None).text
    assert "unknown: not evaluated yet" in text
    assert "None is firing" not in text
    assert "intact" not in text
    assert "unknown: see below" in text


def test_alerts_come_first_the_gravest_on_top():
    """With what to do, and without the dead-man's switch, which always fires."""
    seen = read(
        alerts=[
            alert(alert="OutboxWatchdog", severity="none", summary="the pipeline works"),
            alert(alert="OutboxJobsExhausted", severity="ticket", summary="given up", held=True),
            alert(alert="OutboxBacklogHigh", summary="high", muted=True),
            alert(),
            alert(alert="OutboxHeadBlocked", state="pending", summary="blocked"),
        ]
    )
    order = [seen.text.index(words) for words in ("3 firing", "none completes", "given up", "high", "Signals")]
    assert order == sorted(order)
    assert "the pipeline works" not in seen.text
    assert "blocked" not in seen.text
    assert "explained by another alert" in seen.text
    assert "not known at present, so it stands" in seen.text
    assert "for 5 min" in seen.text


def test_the_watch_in_one_line():
    """The word so far, what is left, how much was seen."""
    running = read(watch=watch()).text
    for words in ("so far good", "12 h left", "coverage 99.8 %", "1 check"):
        assert words in running
    failed = read(watch=watch(state="failed", verdict="FAIL", ends=999_000.0, reasons=["Jobs were stuck."])).text
    for words in ("FAIL", "ended 1970-01-12 13:30 UTC", "Jobs were stuck."):
        assert words in failed
    assert "No watch has begun. What begins it: outbox-exporter watch start" in read().text


@pytest.mark.parametrize(
    ("unseen", "told"), [("register", "no watch begins"), ("cron", "clean-up jobs are not visible")]
)
def test_what_the_role_cannot_see_of_the_migration_is_told(unseen, told):
    """With the script that helps; nothing of it when all is seen."""
    seen = read(migration={"ok": 40, "unknown": 3, "broken": [], "unseen": []}).text
    text = read(migration={"ok": 40, "unknown": 3, "broken": [], "unseen": [unseen]}).text
    assert told in text
    assert "exporter/sql/setup/grant_migration_access.sql" in text
    assert "grant_migration_access" not in seen


def test_a_broken_migration_is_named():
    text = read(
        migration={"ok": 47.0, "unknown": 0.0, "broken": ["index_idx_job_outbox_unprocessed"], "unseen": []}
    ).text
    assert "broken 47 checks ok, 1 broken" in text
    assert "index_idx_job_outbox_unprocessed" in text


def test_what_is_wrong_comes_first():
    seen = read(config_reload_successful=False, collectors=[collector(problems=["grant SELECT"])]).text
    assert "What the exporter cannot do" in seen
    assert seen.index("the last reload failed") < seen.index("grant SELECT") < seen.index("Signals")
    assert "What the exporter cannot do" not in read().text


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


def test_declared_maintenance_is_shown_and_so_is_its_overrun():
    """Whoever wonders why the backlog grows sees why; and that somebody forgot to end it."""
    assert "Maintenance" not in read().text
    assert (
        "Maintenance is declared until 1970-01-12 14:46 UTC: the backlog may grow."
        in read(maintenance_until=1_000_000.0 + 3600).text
    )
    assert "until 1970-01-12 12:46 UTC and nobody has ended it" in read(maintenance_until=1_000_000.0 - 3600).text


@pytest.mark.parametrize(
    ("server", "text"),
    [
        (None, "Database localhost:5432/postgres. Its last sample succeeded."),
        (
            {"role": "primary", "address": "10.0.0.7:5432", "replay_lag_seconds": None},
            "The primary 10.0.0.7:5432 answers. Its last sample succeeded.",
        ),
        (
            {"role": "standby", "address": "10.0.0.8:5432", "replay_lag_seconds": 3.25},
            "A standby 10.0.0.8:5432 answers, at most 3.2 s behind its sender. Its last sample succeeded.",
        ),
        (
            {"role": "standby", "address": None, "replay_lag_seconds": None},
            "A standby answers, and nothing proves how far it is behind. Its last sample succeeded.",
        ),
    ],
)
def test_which_server_answers_is_said_at_the_top(server, text):
    """With its lag, where it is a standby."""
    assert text in read(server=server).text
