"""`outbox-exporter sample`: samples once, prints the result, and exits with a status for scripts."""

from __future__ import annotations

import json
import os
import re
import subprocess
from typing import Any

import pytest

from exporter.lab.lab import Lab, LabPlan
from exporter.lab.ports import free_port
from tests.database import rows
from tests.database.roles import allow, monitoring_role, role
from tests.end_to_end.program import COLLECTORS, MetricsResponse, command, environment, run
from tests.requirements import require_program

UMASK = os.umask(0o022)
os.umask(UMASK)
TABLES = ("job_outbox", "idempotency_keys", "fsm_events")


def sample(dsn: str, *arguments: str, **variables: Any) -> subprocess.CompletedProcess[str]:
    """One sample of a database, configured by the environment alone."""
    return run("sample", *arguments, OUTBOX_EXPORTER_DATABASE_DSN=dsn, **variables)


@pytest.fixture(scope="module")
def lab():
    with Lab(LabPlan(rate=0)) as lab:
        yield lab


def test_prometheus_format(lab):
    """The default format: status 0, empty standard error, text that the client library parses."""
    sampled = sample(lab.dsn, OUTBOX_EXPORTER_APPLICATION_URL=lab.application_url)
    assert (sampled.returncode, sampled.stderr) == (0, "")
    now = MetricsResponse.parse(sampled.stdout)
    assert now.value("outbox_up") == 1
    assert now.all_collectors_succeed
    assert now.sum("outbox_last_hour_fsm_events") > 100
    assert now.sum("outbox_idempotency_keys") > 100
    assert now.value("outbox_last_hour_processing_time_avg_seconds", cohort="created") > 0
    assert now.sum("outbox_app_up") == 4


def test_it_suits_the_textfile_collector(lab):
    """No timestamps, one TYPE line for each family, a final line break: as node_exporter requires of *.prom files."""
    text = sample(lab.dsn).stdout
    assert text.endswith("\n")
    samples = [line for line in text.splitlines() if not line.startswith("#")]
    # A label value may contain spaces; nothing follows the sample value.
    assert all(re.fullmatch(r"\w+(\{.*\})? [0-9.e+-]+", line) for line in samples)
    types = re.findall(r"^# TYPE (\w+)", text, re.MULTILINE)
    assert len(types) == len(set(types))
    # node_exporter exports these of its own process; duplicates would fail its scrape.
    assert not [name for name in types if name.startswith(("process_", "python_", "go_"))]
    promtool = require_program("promtool")
    checked = subprocess.run([promtool, "check", "metrics"], input=text, text=True, capture_output=True, check=False)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


COUNTED = (
    "outbox_processed_jobs_total",
    "outbox_queue_processed_jobs_total",
    "outbox_clock_skew_jobs_total",
    "outbox_processing_time_seconds_count",
    "outbox_processing_time_seconds_bucket",
    "outbox_fsm_events_total",
    "outbox_fsm_events_by_type_total",
    "outbox_unaccounted_jobs_total",
)


def test_one_run_counts_nothing(lab):
    """Counters since the start of the exporter are left out: they would always be 0. Those of the application stay."""
    now = MetricsResponse.parse(sample(lab.dsn, OUTBOX_EXPORTER_APPLICATION_URL=lab.application_url).stdout)
    assert not [name for name in COUNTED if name in now]
    counters = {name for name in now.series if name.endswith("_total")}
    own = {name for name in counters if name.startswith(("outbox_app_", "outbox_collector_"))}
    assert counters - own == {"outbox_label_values_dropped_total"}
    assert "outbox_app_fsm_initializations_total" in now


def test_json_format(embedded_database):
    """The document of /api/v1/status with the same values as the text."""
    with embedded_database.connect() as connection:
        rows.write(connection, rows.quiet())
    sampled = sample(embedded_database.dsn(), "--format", "json")
    assert (sampled.returncode, sampled.stderr) == (0, "")
    document = json.loads(sampled.stdout)
    text = MetricsResponse.parse(sample(embedded_database.dsn()).stdout)
    assert document["up"] is True
    assert document["database"] == f"127.0.0.1:{embedded_database.cluster.port}/{embedded_database.name}"
    assert document["signals"]["backlog"] == text.sum("outbox_pending_jobs") > 0
    assert document["signals"]["idempotency_keys"] == text.sum("outbox_idempotency_keys") > 0
    assert sum(document["signals"]["events_last_hour"].values()) == text.sum("outbox_last_hour_fsm_events") > 0
    assert {collector["name"] for collector in document["collectors"]} >= set(COLLECTORS)
    assert all(collector["success"] for collector in document["collectors"])


def test_a_role_that_cannot_see_rows(embedded_database):
    """Row security hides every row without an error: no reading, status 3, and the fix in the message."""
    with embedded_database.connect() as connection:
        rows.write(connection, rows.quiet())
    with role(embedded_database) as limited:
        for table in TABLES:
            allow(embedded_database, f"GRANT SELECT ON {table} TO {{role}}", limited)
        sampled = sample(embedded_database.dsn(limited))
        document = json.loads(sample(embedded_database.dsn(limited), "--format", "json").stdout)
    assert sampled.returncode == 3
    now = MetricsResponse.parse(sampled.stdout)
    assert now.value("outbox_up") == 0
    assert now.sum("outbox_collector_failures_total", reason="rls") == 5
    assert not {"outbox_pending_jobs", "outbox_last_hour_fsm_events", "outbox_idempotency_keys"} & now.series.keys()
    assert set(document["signals"].values()) == {None}
    lines = sampled.stderr.splitlines()
    assert len(lines) == 5
    assert all(re.match(r"\w+: rls: .*(policy|BYPASSRLS)", line) for line in lines)
    assert all(limited in line for line in lines)


def test_an_unreachable_database():
    """Status 3, and one line for each collector with the address and the reason."""
    port = free_port()
    sampled = sample(f"postgresql://127.0.0.1:{port}/postgres")
    assert sampled.returncode == 3
    message = sampled.stderr.splitlines()
    assert {line.split(":")[0] for line in message} >= set(COLLECTORS)
    assert all(re.match(rf"\w+: connection: .*127\.0\.0\.1.*{port}.*refused", line) for line in message)
    now = MetricsResponse.parse(sampled.stdout)
    assert now.value("outbox_up") == 0
    assert now.sum("outbox_collector_failures_total", reason="connection") == len(message)


def test_a_locked_table(embedded_database):
    """Readings of the locked table are unknown, with reason `lock`; the other tables are sampled."""
    with embedded_database.connect(autocommit=False) as connection:
        connection.execute("LOCK TABLE job_outbox IN ACCESS EXCLUSIVE MODE")
        sampled = sample(embedded_database.dsn(), OUTBOX_EXPORTER_DATABASE_LOCK_TIMEOUT="50ms")
    assert sampled.returncode == 3
    message = {tuple(line.split(":")[:2]) for line in sampled.stderr.splitlines()}
    assert message >= {(collector, " lock") for collector in ("backlog", "throughput", "last_hour")}
    assert not {collector for collector, _ in message} & {"events", "idempotency"}
    now = MetricsResponse.parse(sampled.stdout)
    assert now.value("outbox_up") == 1
    assert "outbox_pending_jobs" not in now
    assert now.sum("outbox_last_hour_fsm_events") == 0
    assert now.sum("outbox_idempotency_keys") == 0


def test_an_unreachable_application(embedded_database):
    """Readings of the database are there; status 3, because the application was not reached."""
    url = f"http://127.0.0.1:{free_port()}/trpc"
    sampled = sample(embedded_database.dsn(), OUTBOX_EXPORTER_APPLICATION_URL=url)
    assert sampled.returncode == 3
    now = MetricsResponse.parse(sampled.stdout)
    assert now.sum("outbox_pending_jobs") == 0
    assert len(now.series["outbox_app_up"]) == 4
    assert now.sum("outbox_app_up") == 0
    assert all(line.startswith("application: connection: ") for line in sampled.stderr.splitlines())


def test_output_is_a_file(embedded_database, tmp_path):
    """Nothing is printed; the file is replaced, also through a symbolic link, and no other file is left."""
    file, link = tmp_path / "outbox.prom", tmp_path / "link.prom"
    file.write_text("old")
    file.chmod(0o600)
    link.symlink_to(file)
    for output in (file, link):
        sampled = sample(embedded_database.dsn(), "--output", str(output))
        assert (sampled.returncode, sampled.stdout, sampled.stderr) == (0, "", "")
        now = MetricsResponse.parse(file.read_text())
        assert now.value("outbox_up") == 1
        assert now.all_collectors_succeed
        file.write_text("old")
    assert link.is_symlink()
    assert {each.name for each in tmp_path.iterdir()} == {"outbox.prom", "link.prom"}
    assert file.stat().st_mode & 0o777 == 0o666 & ~UMASK


def test_output_of_json(embedded_database, tmp_path):
    """The same document as on standard output."""
    file = tmp_path / "outbox.json"
    assert sample(embedded_database.dsn(), "--format", "json", "--output", str(file)).returncode == 0
    assert json.loads(file.read_text())["up"] is True


def test_an_older_file_is_replaced_on_failure(tmp_path):
    """Without a database the file reports the failure and has no reading of an earlier sample."""
    file = tmp_path / "outbox.prom"
    file.write_text("outbox_up 1\n")
    sampled = sample(f"postgresql://127.0.0.1:{free_port()}/postgres", "--output", str(file))
    assert (sampled.returncode, sampled.stdout) == (3, "")
    assert "backlog: connection: " in sampled.stderr
    now = MetricsResponse.parse(file.read_text())
    assert now.value("outbox_up") == 0
    assert now.value("outbox_collector_success", collector="backlog") == 0
    assert now.value("outbox_collector_failures_total", collector="backlog", reason="connection") == 1
    assert "outbox_pending_jobs" not in now


@pytest.mark.parametrize("form", ["prometheus", "json"])
def test_an_older_file_is_replaced_on_a_wrong_configuration(tmp_path, form):
    """Status 2 and the error message; the file reports that nothing was sampled."""
    file = tmp_path / "outbox.out"
    file.write_text("outbox_up 1\n")
    broken = {"OUTBOX_EXPORTER_SAMPLING_INTERVAL": "banana"}
    sampled = sample("postgresql://127.0.0.1/x", "--format", form, "--output", str(file), **broken)
    assert (sampled.returncode, sampled.stdout) == (2, "")
    assert sampled.stderr.startswith("OUTBOX_EXPORTER_SAMPLING_INTERVAL: expected a duration")
    if form == "json":
        document = json.loads(file.read_text())
        assert (document["up"], document["config_reload_successful"]) == (False, False)
        assert set(document["signals"].values()) == {None}
    else:
        now = MetricsResponse.parse(file.read_text())
        assert now.value("outbox_up") == 0
        assert now.value("outbox_exporter_config_last_reload_successful") == 0


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("missing/outbox.prom", "cannot be written: No such file or directory"),
        (".", "is not a file; give the name of one, or of none that is there yet"),
        ("/dev/full", "is not a file; give the name of one, or of none that is there yet"),
        ("loop", "cannot be written: "),
    ],
)
def test_a_file_that_cannot_be_written(embedded_database, tmp_path, output, message):
    """Status 2 and the path with the reason; no other file is created or replaced."""
    (tmp_path / "loop").symlink_to("loop")
    where = str(tmp_path / output)
    sampled = sample(embedded_database.dsn(), "--output", where)
    assert (sampled.returncode, sampled.stdout) == (2, "")
    assert sampled.stderr.startswith(f"--output {where}: {message}")
    assert [each.name for each in tmp_path.iterdir()] == ["loop"]


def test_a_slow_sample_is_complete(embedded_database):
    """Readings that were sampled first are in the answer, although the others took several intervals."""
    with embedded_database.connect(autocommit=False) as connection:
        connection.execute("LOCK TABLE fsm_events IN ACCESS EXCLUSIVE MODE")
        variables = {
            "OUTBOX_EXPORTER_DATABASE_LOCK_TIMEOUT": "1s",
            "OUTBOX_EXPORTER_SAMPLING_INTERVAL": "100ms",
        }
        sampled = sample(embedded_database.dsn(), **variables)
    assert sampled.returncode == 3
    now = MetricsResponse.parse(sampled.stdout)
    assert now.value("outbox_up") == 1
    assert now.sum("outbox_pending_jobs") == 0
    assert "outbox_last_hour_fsm_events" not in now


def test_a_reader_that_leaves_early(embedded_database):
    """As in `sample | head -1`: status 3 and no traceback."""
    read, write = os.pipe()
    os.close(read)
    assert into(write, embedded_database.dsn()) == (3, "")


def test_a_full_disk(embedded_database):
    """As in `sample > outbox.prom`: status 3, because the file is incomplete."""
    full = os.open("/dev/full", os.O_WRONLY)
    message = "the answer could not be written: No space left on device\n"
    assert into(full, embedded_database.dsn()) == (3, message)


def into(output: int, dsn: str) -> tuple[int, str]:
    """Exit status and standard error of a sample with this descriptor as its standard output; closes it."""
    try:
        ended = subprocess.run(
            [command(), "sample"],
            env=environment(OUTBOX_EXPORTER_DATABASE_DSN=dsn),
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=30,
        )
    finally:
        os.close(output)
    return ended.returncode, ended.stderr


def test_as_the_monitoring_role(embedded_database):
    """The privileges of the set-up script suffice for every collector."""
    with monitoring_role(embedded_database) as monitor:
        sampled = sample(embedded_database.dsn(monitor))
    assert (sampled.returncode, sampled.stderr) == (0, "")
