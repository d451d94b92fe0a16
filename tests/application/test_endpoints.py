"""Interpretation of each endpoint's payload, in both dialects."""

import copy
import json
import math
import random
import re
from typing import Any

import pytest

from exporter.application.dialect import MAX_READINGS, EndpointResult, interpret
from exporter.application.endpoints import DIALECTS, ENDPOINTS
from exporter.application.envelope import open_envelope
from exporter.core.errors import SampleError
from exporter.metrics.catalogue import Kind
from tests.application.samples import DEPLOYED, DOCUMENTED, body

SAMPLES = [(endpoint, dialect[endpoint]) for dialect in (DOCUMENTED, DEPLOYED) for endpoint in ENDPOINTS]

EXPECTED_DOCUMENTED: dict[str, dict[str, float]] = {
    "healthCheck": {
        "outbox_app_healthy": 1,
        "outbox_app_check outbox_alive": 1,
        "outbox_app_check last_processed_ok": 1,
    },
    "getFSM": {
        "outbox_app_fsm_initializations_total succeeded": 998,
        "outbox_app_fsm_initializations_total failed": 2,
        "outbox_app_fsm_failure_ratio": 0.002,
        "outbox_app_fsm_cache_hit_ratio": 0.35,
        "outbox_app_fsm_init_duration_avg_seconds": 0.085,
    },
    "getOutbox": {
        "outbox_app_pending_jobs": 5,
        "outbox_app_processed_jobs_total": 995,
        "outbox_app_failed_jobs_total": 0,
        "outbox_app_processing_time_avg_seconds": 1.2,
    },
    "getFallbacks": {
        "outbox_app_fallback_activations_total 2": 0,
        "outbox_app_fallback_activations_total 3": 1,
    },
}
EXPECTED_DEPLOYED: dict[str, dict[str, float]] = {
    "healthCheck": {
        "outbox_app_healthy": 0,
        "outbox_app_check outbox_alive": 1,
        "outbox_app_check fsm_success_rate_ok": 1,
        "outbox_app_check queue_depth_ok": 1,
        "outbox_app_check last_processed_ok": 0,
        "outbox_app_last_processed_timestamp_seconds": 1763460001.25,
    },
    "getFSM": EXPECTED_DOCUMENTED["getFSM"],
    "getOutbox": {
        "outbox_app_pending_jobs": 5,
        "outbox_app_processed_jobs_total": 995,
        "outbox_app_failed_jobs_total": 0,
        "outbox_app_last_processed_timestamp_seconds": 1763460001.5,
    },
    "getFallbacks": {
        **EXPECTED_DOCUMENTED["getFallbacks"],
        "outbox_app_fallback_failures_total 2": 4,
        "outbox_app_fallback_failures_total 3": 0,
    },
}


def result_of(endpoint: str, payload: Any) -> EndpointResult:
    """The account of a payload that went through JSON."""
    return interpret(DIALECTS[endpoint], open_envelope(200, body(payload)))


def series(interpreted: EndpointResult) -> dict[str, float]:
    """The readings by name and labels, without the last bits of a division."""
    return {
        " ".join((reading.metric.name, *reading.labels)): round(reading.value, 12) for reading in interpreted.readings
    }


def changed(sample: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """The sample with other values: `checks__lastProcessed=None`; `...` takes the field out."""
    result = copy.deepcopy(sample)
    for path, value in fields.items():
        *parents, name = path.split("__")
        node = result
        for parent in parents:
            node = node[parent]
        if value is ...:
            del node[name]
        else:
            node[name] = value
    return result


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize(
    ("samples", "expected"),
    [(DOCUMENTED, EXPECTED_DOCUMENTED), (DEPLOYED, EXPECTED_DEPLOYED)],
    ids=["documented", "deployed"],
)
def test_both_dialects_give_the_same_readings(endpoint, samples, expected):
    """Every metric is there in base units, nothing else, and there is nothing to complain about."""
    interpreted = result_of(endpoint, samples[endpoint])
    assert series(interpreted) == pytest.approx(expected[endpoint])
    assert interpreted.problems == ()
    assert interpreted.useful


@pytest.mark.parametrize(("endpoint", "sample"), SAMPLES)
def test_unknown_fields_are_none_of_our_business(endpoint, sample):
    """A later release may send more fields than we read."""
    extra = changed(sample, errors={"x": 1}, version="2.0", nothing=None, list=[1, 2], total2=-5)
    assert result_of(endpoint, extra) == result_of(endpoint, sample)


def leaves(payload: dict[str, Any], prefix: str = "") -> list[str]:
    """The paths of all fields, those of objects within included."""
    paths = []
    for name, value in payload.items():
        paths.append(prefix + name)
        if isinstance(value, dict):
            paths += leaves(value, f"{prefix}{name}__")
    return paths


# The fields that we read and require. All others may be absent.
READ = {
    *("healthy", "outboxAlive", "lastProcessedOk", "checks", "checks__outboxAlive", "checks__fsmSuccessRateOk"),
    *("checks__queueDepthOk", "checks__lastProcessedOk", "checks__lastProcessed"),
    *("initiated", "succeeded", "failed", "failureRate", "cacheHitRate", "avgDuration"),
    *("total", "success", "cacheHits", "cacheMisses", "durations", "successRate"),
    *("pending", "processed", "avgProcessingTime", "metrics", "metrics__jobsCreated", "metrics__jobsFailed"),
    *("health", "health__queueDepth", "health__lastProcessed"),
    *("layer2Activations", "layer3Activations", "layer2Failures", "layer3Failures"),
}


@pytest.mark.parametrize("value", [..., None, "5", [None], {"x": 1}, math.nan, -1], ids=repr)
@pytest.mark.parametrize(
    ("endpoint", "sample", "path"),
    [(endpoint, sample, path) for endpoint, sample in SAMPLES for path in leaves(sample)],
)
def test_one_bad_field_spoils_no_other(endpoint, sample, path, value):
    """A field we read that is missing or malformed is named once; all other series keep their values."""
    good, bad = result_of(endpoint, sample), result_of(endpoint, changed(sample, **{path: value}))
    if path not in READ:
        assert bad == good
        return
    problems = [problem for problem in bad.problems if problem.startswith(path.replace("__", "."))]
    assert problems == list(bad.problems)
    if path.endswith("__lastProcessed") and value is None:  # nothing was processed yet
        assert problems == []
        assert series(bad).items() <= series(good).items()
        return
    assert len(problems) == 1 or isinstance(value, dict)  # an object without its fields: one complaint for each
    assert bad.useful
    assert series(bad).items() <= series(good).items()


@pytest.mark.parametrize("value", [True, False])
@pytest.mark.parametrize(
    ("endpoint", "path"), [("getFSM", "failed"), ("getOutbox", "pending"), ("getFallbacks", "layer2Activations")]
)
def test_a_boolean_is_not_a_number(endpoint, path, value):
    """True would pass for 1 in Python."""
    interpreted = result_of(endpoint, changed(DOCUMENTED[endpoint], **{path: value}))
    assert interpreted.problems == (f"{path}: expected a whole number from 0, got {str(value).lower()}",)


def test_a_number_is_not_a_boolean():
    """A check with the value 1 is not true."""
    interpreted = result_of("healthCheck", changed(DOCUMENTED["healthCheck"], outboxAlive=1))
    assert interpreted.problems == ("outboxAlive: expected true or false, got 1",)
    assert "outbox_app_check outbox_alive" not in series(interpreted)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("payload", [{}, {"hello": "world"}, {"data": {}}])
def test_object_without_a_known_field_is_not_useful(endpoint, payload):
    """Whatever answered there, it was not the application: one complaint, not one for each field."""
    interpreted = result_of(endpoint, payload)
    assert interpreted == EndpointResult((), ("none of the known fields; check application.url",), useful=False)


@pytest.mark.parametrize(("endpoint", "sample"), SAMPLES)
def test_endpoint_with_nothing_but_bad_fields_is_not_useful(endpoint, sample):
    """An answer of the right shape without a valid value is an error."""
    interpreted = result_of(endpoint, dict.fromkeys(sample))
    assert not interpreted.useful
    assert not interpreted.readings
    assert interpreted.problems


# --- before the application has any data ----------------------------------------------------------------------
def test_documented_start_has_counts_and_no_ratios():
    """Before the first initialisation and the first job there is nothing to share and nothing to average."""
    fsm = result_of("getFSM", dict.fromkeys(DOCUMENTED["getFSM"], 0))
    assert series(fsm) == {
        "outbox_app_fsm_initializations_total succeeded": 0,
        "outbox_app_fsm_initializations_total failed": 0,
    }
    assert fsm.problems == ()
    outbox = result_of("getOutbox", dict.fromkeys(DOCUMENTED["getOutbox"], 0))
    assert "outbox_app_processing_time_avg_seconds" not in series(outbox)
    assert outbox.problems == ()


def test_deployed_start_has_counts_and_no_ratios():
    """The deployed success rate is 0 before the first initialisation, which does not mean that all failed."""
    payload = {
        "total": 0,
        "success": 0,
        "failed": 0,
        "cacheHits": 0,
        "cacheMisses": 0,
        "durations": [],
        "failureReasons": {},
        "successRate": 0,
        "cacheHitRate": 0,
    }
    fsm = result_of("getFSM", payload)
    assert series(fsm) == {
        "outbox_app_fsm_initializations_total succeeded": 0,
        "outbox_app_fsm_initializations_total failed": 0,
    }
    assert fsm.problems == ()


def test_every_initialisation_failed():
    """A ratio of 1 is a ratio."""
    interpreted = result_of("getFSM", changed(DEPLOYED["getFSM"], success=0, failed=7, successRate=0))
    assert series(interpreted)["outbox_app_fsm_failure_ratio"] == 1


# --- counts before rates ---------------------------------------------------------------------------------------
def test_counts_are_preferred_to_stated_rates():
    """Rates are rounded, or percent, or meaningless at the start; counts are counts."""
    documented = changed(DOCUMENTED["getFSM"], failureRate=0.5)
    assert series(result_of("getFSM", documented))["outbox_app_fsm_failure_ratio"] == pytest.approx(0.002)
    deployed = changed(DEPLOYED["getFSM"], successRate=50, cacheHitRate=1)
    assert series(result_of("getFSM", deployed))["outbox_app_fsm_failure_ratio"] == pytest.approx(0.002)
    assert series(result_of("getFSM", deployed))["outbox_app_fsm_cache_hit_ratio"] == pytest.approx(0.35)


@pytest.mark.parametrize("field", ["success", "failed", "cacheHits", "cacheMisses"])
def test_reported_rates_replace_unreadable_counts(field):
    """With a count spoilt, the stated percentage is the next best, as a ratio."""
    interpreted = result_of("getFSM", changed(DEPLOYED["getFSM"], **{field: None}))
    assert series(interpreted)["outbox_app_fsm_failure_ratio"] == pytest.approx(0.002)
    assert series(interpreted)["outbox_app_fsm_cache_hit_ratio"] == pytest.approx(0.35)


def test_rates_out_of_range_are_refused():
    """35 where a ratio from 0 to 1 was documented is the other dialect's percent: never published."""
    interpreted = result_of("getFSM", changed(DOCUMENTED["getFSM"], cacheHitRate=35))
    assert interpreted.problems == ("cacheHitRate: expected a ratio from 0 to 1, got 35",)
    assert "outbox_app_fsm_cache_hit_ratio" not in series(interpreted)


def test_counter_that_restarts_is_passed_through():
    """The application restarts from zero and Prometheus knows resets; nothing is remembered here."""
    before = series(result_of("getOutbox", DOCUMENTED["getOutbox"]))
    after = series(result_of("getOutbox", changed(DOCUMENTED["getOutbox"], processed=3)))
    assert (before["outbox_app_processed_jobs_total"], after["outbox_app_processed_jobs_total"]) == (995, 3)


# --- names of checks -------------------------------------------------------------------------------------------
def test_checks_of_a_later_release_are_published():
    """Every boolean under the checks is one, known or not."""
    interpreted = result_of(
        "healthCheck", changed(DEPLOYED["healthCheck"], checks__redisOk=True, checks__s3Bucket_ok=False)
    )
    assert series(interpreted)["outbox_app_check redis_ok"] == 1
    assert series(interpreted)["outbox_app_check s3_bucket_ok"] == 0
    assert interpreted.problems == ()


@pytest.mark.parametrize(
    "name", ["", "9lives", "with space", "ключ", "a-b", "x" * 64, "a\nb", '"', "healthy", "\ud800"]
)
def test_name_that_is_no_identifier_becomes_no_label(name):
    """A label value is one of a fixed set, never free text; `healthy` has a metric of its own."""
    sample = changed(DEPLOYED["healthCheck"])
    sample["checks"][name] = True
    assert result_of("healthCheck", sample) == result_of("healthCheck", DEPLOYED["healthCheck"])


def test_names_that_become_the_same_label_are_one_series():
    """Two spellings of one check would be a duplicate sample, and Prometheus would drop the whole scrape."""
    interpreted = result_of("healthCheck", changed(DEPLOYED["healthCheck"], checks__outbox_alive=False))
    assert [reading.value for reading in interpreted.readings if reading.labels == ("outbox_alive",)] == [1]


def test_too_many_checks_are_truncated_with_a_message():
    """A thousand checks do not become a thousand series; the known ones stay."""
    sample = changed(DEPLOYED["healthCheck"])
    sample["checks"] = {f"check{number}": True for number in range(1000)} | sample["checks"]
    interpreted = result_of("healthCheck", sample)
    assert len(interpreted.readings) == MAX_READINGS
    assert series(interpreted).items() >= EXPECTED_DEPLOYED["healthCheck"].items()
    assert interpreted.problems == (f"more than {MAX_READINGS} series; the rest is left out",)


# --- whatever comes --------------------------------------------------------------------------------------------
JUNK: tuple[Any, ...] = (
    *(None, True, False, 0, -0.0, 1, -1, 0.5, 35, 101, 2**53, 1e308, -1e308, 10**400, math.nan, math.inf, -math.inf),
    *("", "5", "NaN", "true", "2025-11-18T10:00:01.250Z", "2025-11-18", "9999-12-31T23:59:59-23:59", "\ud800", "\x00"),
    *([], {}, [1, 2], [None], [1e308] * 20, {"json": 1}, {"outboxAlive": True}, [[[]]]),
)
NAMES = (*READ, "json", "error", "result", "data", "toString", "__proto__", "outbox_alive", "OutboxAlive", "", "\n")


def mutated(randomness: random.Random, payload: dict[str, Any]) -> dict[str, Any]:
    """The payload after a few accidents."""
    result = copy.deepcopy(payload)
    for _ in range(randomness.randint(1, 6)):
        node = result
        while isinstance(inner := randomness.choice([None, *node.values()]), dict):
            node = inner
        name = randomness.choice([*node, *NAMES])
        if randomness.random() < 0.25:
            node.pop(name, None)
        else:
            node[name] = copy.deepcopy(randomness.choice(JUNK))
    return result


def broken(randomness: random.Random, content: bytes) -> bytes:
    """The bytes as they are, cut short, or with one of them changed."""
    place = randomness.randrange(len(content))
    noise = bytes((randomness.randrange(256),))
    return randomness.choice((content, content, content[:place], content[:place] + noise + content[place + 1 :]))


@pytest.mark.parametrize("seed", range(8))
def test_every_payload_is_read_correctly_or_refused(seed):
    """Thousands of damaged payloads raise nothing but sample errors and never yield an impossible series."""
    randomness = random.Random(seed)
    refused = 0
    for _ in range(1000):
        endpoint, sample = randomness.choice(SAMPLES)
        content = broken(randomness, body(mutated(randomness, sample)))
        try:
            interpreted = interpret(DIALECTS[endpoint], open_envelope(200, content))
        except SampleError:
            refused += 1
            continue
        check_possible(interpreted)
    assert 0 < refused < 900


def check_possible(interpreted: EndpointResult) -> None:
    """Nothing that a scrape must never show."""
    assert len(series(interpreted)) == len(interpreted.readings) <= MAX_READINGS
    for reading in interpreted.readings:
        assert math.isfinite(reading.value)
        assert reading.value >= 0
        assert reading.metric.kind is not Kind.COUNTER or reading.value.is_integer()
        assert not reading.metric.name.endswith("_ratio") or reading.value <= 1
        assert all(re.fullmatch(r"[a-z0-9_]{1,80}", label) for label in reading.labels)
    assert len(interpreted.problems) <= 10
    assert all(len(problem) < 120 and problem.isprintable() for problem in interpreted.problems)
    json.dumps([series(interpreted), interpreted.problems])
