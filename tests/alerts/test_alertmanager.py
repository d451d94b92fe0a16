"""The Alertmanager configuration: valid, with a receiver for every alert, and inhibition as in the policy."""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alerts.model import RuleKey, Severity
from alerts.policy.inhibition import SAME_OUTBOX
from alerts.policy.load import load_policy
from tests.alerts import pager
from tests.alerts.alertmanager import CONFIG, AlertmanagerServer, routes, run_alertmanager, scaled_config, shipped
from tests.alerts.notify.local import Reply, receiving
from tests.alerts.pager import Pager, ReceivedAlert
from tests.end_to_end.program import eventually
from tests.newest import Require, require_newest
from tests.requirements import require_program
from tools import alerting

POLICY = load_policy()
RULES = POLICY.rules
TEXT = CONFIG.read_text("utf-8")
RECEIVERS = {
    Severity.PAGE: "pager",
    Severity.TICKET: "tickets",
    Severity.INFO: "news",
    Severity.NONE: "deadmans-switch",
}
# group_wait of the shipped file, 15 s and 1 m, in well under a second.
SCALE = 0.01


@pytest.fixture(scope="module", params=[require_program, require_newest], ids=["debian", "newest"])
def require(request: pytest.FixtureRequest) -> Require:
    """Where Alertmanager comes from: Debian's 0.25 or today's."""
    found: Require = request.param
    return found


def amtool(require: Require, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(require("amtool")), *arguments]
    return subprocess.run(command, text=True, capture_output=True, check=False, timeout=30)


def check(require: Require, text: str, directory: Path) -> subprocess.CompletedProcess[str]:
    file = directory / "alertmanager.yaml"
    file.write_text(text)
    return amtool(require, "check-config", str(file))


def test_amtool_accepts_it(require):
    """As shipped, with every inhibition rule and receiver."""
    checked = amtool(require, "check-config", str(CONFIG))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "4 receivers" in checked.stdout


def test_amtool_accepts_office_hours(require, tmp_path):
    """The line that is commented out works without the comment."""
    line = "# active_time_intervals: [office-hours]"
    assert line in TEXT
    assert check(require, TEXT.replace(line, line.removeprefix("# ")), tmp_path).returncode == 0
    assert check(require, TEXT.replace(line, "active_time_intervals: [no-hours]"), tmp_path).returncode != 0


def test_the_address_of_the_timer_may_be_read_from_the_documented_file(require, tmp_path):
    """From 0.26 on, and not before."""
    version = re.search(r"version (\d+)\.(\d+)", (printed := amtool(require, "--version")).stdout + printed.stderr)
    assert version
    changed = TEXT.replace("- url: https://deadmans-switch.example/beat", "- url_file: /run/secrets/timer")
    assert changed != TEXT
    assert (check(require, changed, tmp_path).returncode == 0) is ((int(version[1]), int(version[2])) >= (0, 26))


def test_secrets_are_in_files():
    """No receiver holds one, and none is set for all."""
    assert not re.search(r"(?<!_)(routing_key|service_key|api_url|password|credentials|bearer_token):", TEXT)
    assert set(shipped()["global"]) == {"resolve_timeout"}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: str(rule.key))
def test_every_alert_is_routed_to_its_receiver(require, rule):
    """And to no other."""
    labels = (f"{name}={value}" for name, value in labels_of(rule.key).items())
    tested = amtool(
        require,
        "config",
        "routes",
        "test",
        f"--config.file={CONFIG}",
        f"--verify.receivers={RECEIVERS[rule.key.severity]}",
        *labels,
    )
    assert tested.returncode == 0, tested.stdout + tested.stderr


def test_unexpected_alerts_are_detected(require):
    """An alert of another system, or without severity, becomes a ticket."""
    for labels in (["alertname=DiskFull", "severity=page"], ["alertname=OutboxSomethingNew"]):
        arguments = ("config", "routes", "test", f"--config.file={CONFIG}", "--verify.receivers=tickets")
        tested = amtool(require, *arguments, *labels)
        assert tested.returncode == 0, tested.stdout


def test_every_receiver_is_used():
    """A receiver that no route names would be dead weight."""
    config = shipped()
    assert {route["receiver"] for route in routes(config["route"])} == {each["name"] for each in config["receivers"]}


def test_the_inhibition_rules_are_the_policys():
    """Run `make generate` after a change of the policy."""
    assert alerting.with_inhibitions(TEXT, POLICY) == TEXT


def labels_of(key: RuleKey, **more: str) -> dict[str, str]:
    """The labels of an alert, as its rule has them: a dead-man's switch belongs to no job."""
    own = {} if key.severity is Severity.NONE else {"job": POLICY.job}
    return {"alertname": key.alert, "severity": key.severity.value, **own, **more}


def page(alert: str, **more: str) -> dict[str, str]:
    return labels_of(RuleKey(alert, Severity.PAGE), **more)


def ticket(alert: str, **more: str) -> dict[str, str]:
    return labels_of(RuleKey(alert, Severity.TICKET), **more)


@pytest.fixture(scope="module")
def answered(require: Require) -> Iterator[Pager]:  # noqa: ARG001 - each Alertmanager has a pager of its own
    with pager.run_pager() as listening:
        yield listening


@pytest.fixture(scope="module")
def manager(
    require: Require, answered: Pager, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AlertmanagerServer]:
    """A real one, with the pager behind it."""
    directory = tmp_path_factory.mktemp("alertmanager")
    with run_alertmanager(directory, scaled_config(answered, SCALE), require=require) as server:
        yield server
        assert server.log_warnings() == []


def test_alertmanager_mutes_exactly_the_alerts_of_the_policy(require, answered, tmp_path):
    """Every pair of rules, each in an environment of its own: one is muted exactly when the other mutes it."""
    pairs = {f"pair {n}": pair for n, pair in enumerate(itertools.combinations([rule.key for rule in RULES], 2))}
    explained = {rule.key: set(rule.muted_by) for rule in RULES}
    expected = {
        (environment, str(muted))
        for environment, pair in pairs.items()
        for muted, other in (pair, pair[::-1])
        if other in explained[muted]
    }
    assert len(expected) > 50
    with run_alertmanager(tmp_path, scaled_config(answered), require=require) as server:
        server.send(labels_of(key, environment=environment) for environment, pair in pairs.items() for key in pair)

        def muted() -> set[tuple[str, str]]:
            found = server.inhibited()
            return {(labels["environment"], f"{labels['alertname']}/{labels['severity']}") for labels in found}

        eventually(lambda: muted() >= expected)
        assert muted() == expected


# The alerts that are sent together, and those that are notified.
CASES = {
    "a page mutes its own ticket": (
        [page("OutboxBacklogHigh"), ticket("OutboxBacklogHigh")],
        [page("OutboxBacklogHigh")],
    ),
    "a ticket alone is sent, and mutes nothing": (
        [ticket("OutboxBacklogHigh"), ticket("OutboxHeadBlocked")],
        [ticket("OutboxBacklogHigh"), ticket("OutboxHeadBlocked")],
    ),
    "an exporter that is down mutes what it would have to see": (
        [page("OutboxExporterDown"), page("OutboxStalled"), ticket("OutboxJobsExhausted")],
        [page("OutboxExporterDown")],
    ),
    "of two jobs neither mutes the other": (
        [page("OutboxExporterDown"), page("OutboxStalled", job="another")],
        [page("OutboxExporterDown"), page("OutboxStalled", job="another")],
    ),
    "of one job in two clusters neither mutes the other": (
        [page("OutboxExporterDown", cluster="a"), page("OutboxStalled", cluster="b")],
        [page("OutboxExporterDown", cluster="a"), page("OutboxStalled", cluster="b")],
    ),
    "a label that only one of them has is no likeness": (
        [page("OutboxExporterDown"), page("OutboxStalled", namespace="courses")],
        [page("OutboxExporterDown"), page("OutboxStalled", namespace="courses")],
    ),
    "a foreign page without any label mutes none of ours": (
        [{"alertname": "DiskFull", "severity": "page"}, {"alertname": "OutboxJobsExhausted", "severity": "ticket"}],
        [{"alertname": "DiskFull", "severity": "page"}, {"alertname": "OutboxJobsExhausted", "severity": "ticket"}],
    ),
    "a foreign alert is muted by none of ours": (
        [page("OutboxExporterDown"), ticket("QueueWorkerDown")],
        [page("OutboxExporterDown"), ticket("QueueWorkerDown")],
    ),
    "the watchdog arrives whatever fires": (
        [
            labels_of(RuleKey("OutboxWatchdog", Severity.NONE)),
            page("OutboxExporterDown"),
            page("OutboxDatabaseUnreachable"),
        ],
        [
            labels_of(RuleKey("OutboxWatchdog", Severity.NONE)),
            page("OutboxExporterDown"),
            page("OutboxDatabaseUnreachable"),
        ],
    ),
}


@pytest.fixture(scope="module")
def printed(manager: AlertmanagerServer, answered: Pager) -> dict[str, list[ReceivedAlert]]:
    """The alerts that the pager received for each case, all sent at once; each case has its own environment."""
    for case, (alerts, _) in CASES.items():
        manager.send({**labels, "environment": case} for labels in alerts)
    for case, (_, expected) in CASES.items():
        eventually(lambda: all(answered.firing(environment=case, **labels) for labels in expected))  # noqa: B023 - called at once
    # A wrong notification would arrive before another ticket, which is the slowest.
    for number in range(2):
        manager.send([ticket("OutboxCleanupOverdue", environment=f"late {number}")])
        eventually(lambda: answered.firing(environment=f"late {number}"))  # noqa: B023 - called at once
    return {case: answered.firing(environment=case) for case in CASES}


@pytest.mark.parametrize("case", CASES)
def test_message_texts(printed, case):
    """The receivers get exactly the expected alerts."""
    expected = [{**labels, "environment": case} for labels in CASES[case][1]]
    came = [each.labels for each in printed[case]]
    assert [labels for labels in came if labels not in expected] == []
    assert [labels for labels in expected if labels not in came] == []
    for each in printed[case]:
        assert each.receiver == (
            RECEIVERS[Severity(each.labels["severity"])] if each.name.startswith("Outbox") else "tickets"
        )


def test_a_ticket_is_sent_when_its_page_ends(manager, answered):
    """A muted alert is not lost; the end of the page is notified."""
    high, low = page("OutboxBacklogHigh", environment="over"), ticket("OutboxBacklogHigh", environment="over")
    manager.send([high, low])
    eventually(lambda: answered.firing(**high))
    manager.send([high], over=True)
    eventually(lambda: answered.resolved(**high))
    eventually(lambda: answered.firing(**low))
    first = answered.firing(**low)[0]
    assert first.at >= answered.resolved(**high)[0].at - 1


def test_the_watchdog_beats(manager, answered):
    """Again and again, each time that its group is looked at: about once a minute as shipped."""
    beat = {"alertname": "OutboxWatchdog", "severity": "none", "environment": "beat"}
    manager.send([beat])
    eventually(lambda: len(answered.firing("deadmans-switch", **beat)) >= 4)
    times = [each.at for each in answered.firing("deadmans-switch", **beat)]
    assert (times[-1] - times[0]) / (len(times) - 1) < 3 * 60 * SCALE


def linked(require: Require, directory: Path, annotations: dict[str, str]) -> tuple[Any, str]:
    """Messages of the shipped receivers for a page and a ticket with these annotations: links, and text."""
    with receiving() as local:
        local.answer = lambda _: Reply(202, body=b"ok")  # bodies of PagerDuty's and Slack's answers
        for secret in ("pagerduty-routing-key", "slack-url", "deadmans-switch-token"):
            (directory / secret).write_text(f"{local.url}/slack" if secret == "slack-url" else "0" * 32)
        config = json.loads(json.dumps(shipped()).replace("/etc/alertmanager/secrets", str(directory)))
        for receiver in config["receivers"]:
            for each in receiver.get("pagerduty_configs", ()):
                each["url"] = f"{local.url}/pagerduty"
        for route in routes(config["route"]):
            route |= {"group_wait": "1ms"}
        with run_alertmanager(directory, config, require=require) as server:
            server.send([page("OutboxStalled"), ticket("OutboxJobsExhausted")], annotations=annotations)

            def printed() -> dict[str, Any]:
                return {each.path: each.body for each in local.received}

            eventually(lambda: len(printed()) == 2)
            assert server.log_warnings() == []
        return printed()["/pagerduty"].get("links"), printed()["/slack"]["attachments"][0]["text"]


def test_a_runbook_is_linked(require, tmp_path):
    """In PagerDuty's incident and in Slack's message."""
    url = "https://ops.example/outbox/runbooks/OutboxStalled"
    links, text = linked(require, tmp_path, {"summary": "It stalls", "runbook_url": url})
    assert links == [{"href": url, "text": "Runbook"}]
    assert f"<{url}|Runbook>" in text


def test_without_a_runbook_nothing_is_linked(require, tmp_path):
    """An alert without that annotation makes no empty link."""
    links, text = linked(require, tmp_path, {"summary": "It stalls"})
    assert not links
    assert "It stalls" in text
    assert "<" not in text
    assert "Runbook" not in text


def restarted(require: Require, directory: Path, *arguments: str, late: float) -> set[str]:
    """Pages from an Alertmanager that just started, when the inhibiting alert arrives later."""
    with (
        pager.run_pager() as answered,
        run_alertmanager(directory, scaled_config(answered, SCALE), *arguments, require=require) as server,
    ):
        server.send([page("OutboxStalled")])
        time.sleep(late)
        server.send([page("OutboxExporterDown")])
        eventually(lambda: answered.firing(**page("OutboxExporterDown")))
        time.sleep(1)
        return {each.name for each in answered.firing("pager")}


def test_a_restart_pages_nothing_that_is_explained(tmp_path):
    """With a delay at the start, as in compose.yaml, the inhibiting alert may arrive later than the muted one."""
    delay = "--dispatch.start-delay=3s"
    assert restarted(require_newest, tmp_path, delay, late=1) == {"OutboxExporterDown"}


def test_a_restart_without_that_delay_sends_inhibited_pages(require, tmp_path):
    """Without the delay the muted alert pages as soon as it arrives."""
    assert restarted(require, tmp_path, late=1) == {"OutboxStalled", "OutboxExporterDown"}


def test_the_labels_of_an_outbox_are_grouping_labels():
    """Two outboxes never share an incident."""
    for route in routes(shipped()["route"]):
        assert set(SAME_OUTBOX) <= set(route.get("group_by", SAME_OUTBOX))
