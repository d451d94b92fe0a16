"""examples/kubernetes and the pipeline: rendered by kustomize, valid, and in agreement with the image."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import kubernetes_validate
import pytest
import yaml

from alerts.policy.load import load_policy, override_error_in_default_policy
from exporter.config import loader
from exporter.config.settings import Config
from exporter.core.version import version
from exporter.database import dsn_problem
from tests.newest import require_newest
from tools.dockerfile import read
from tools.image import ROOT

EXAMPLES = ROOT / "examples"
# The oldest version that kubernetes-validate and a supported cluster may have in common, and the newest.
KUBERNETES = ("1.30", "1.37")
# Objects of the Prometheus Operator, whose schemas kubernetes-validate does not have.
MONITORING = {"PodMonitor", "PrometheusRule"}


def rendered_by_kustomize(directory: Path) -> list[dict[str, Any]]:
    done = subprocess.run(
        [require_newest("kustomize"), "build", directory], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    return list(yaml.safe_load_all(done.stdout))


@pytest.fixture(scope="module")
def rendered() -> dict[str, Any]:
    """The objects of the overlay by kind; there is one of each."""
    found = rendered_by_kustomize(EXAMPLES / "kubernetes" / "overlay")
    objects = {each["kind"]: each for each in found}
    assert len(objects) == len(found)
    return objects


@pytest.fixture(scope="module")
def pod(rendered) -> Any:
    return rendered["Deployment"]["spec"]["template"]["spec"]


@pytest.fixture(scope="module")
def jobs() -> dict[str, Any]:
    """The Jobs of the pipeline by name."""
    text = (EXAMPLES / "kubernetes-migration.yaml").read_text("utf-8")
    return {each["metadata"]["name"]: each for each in yaml.safe_load_all(text) if each["kind"] == "Job"}


@pytest.fixture
def config(rendered, pod, tmp_path) -> Config:
    """The configuration as a container reads it: its files below `tmp_path`, and its variables."""
    (container,) = pod["containers"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    for mount in container["volumeMounts"]:
        for name, text in _files(volumes[mount["name"]], rendered):
            file = _below(tmp_path, mount["mountPath"]) / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text.replace(": /", f": {tmp_path}/"))
    variables = {each["name"]: each["value"] for each in container["env"]}
    path = _below(tmp_path, variables.pop("OUTBOX_EXPORTER_CONFIG"))
    return loader.load(path, variables, loader.ExternalChecks(dsn_problem, override_error_in_default_policy))


def _files(volume: dict[str, Any], rendered: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if "secret" in volume:
        yield from rendered["Secret"]["stringData"].items()
    if "configMap" in volume:
        yield from rendered["ConfigMap"]["data"].items()


def _below(root: Path, path: str) -> Path:
    return root / path.lstrip("/")


def test_the_objects_are_complete(rendered):
    """What a cluster needs to run, reach, scrape and judge the exporter; all in one namespace."""
    assert set(rendered) == MONITORING | {
        "ConfigMap",
        "Deployment",
        "NetworkPolicy",
        "PersistentVolumeClaim",
        "Secret",
        "Service",
    }
    assert {each["metadata"]["namespace"] for each in rendered.values()} == {"outbox"}


def test_the_base_alone_has_no_operator_objects():
    """A cluster without the Prometheus Operator accepts it."""
    kinds = {each["kind"] for each in rendered_by_kustomize(EXAMPLES / "kubernetes" / "base")}
    assert kinds == {"Deployment", "NetworkPolicy", "PersistentVolumeClaim", "Service"}


@pytest.mark.parametrize("kubernetes", KUBERNETES)
def test_the_objects_are_valid(rendered, kubernetes):
    """For the schemas of Kubernetes, without an unknown field: the overlay and the pipeline."""
    pipeline = yaml.safe_load_all((EXAMPLES / "kubernetes-migration.yaml").read_text("utf-8"))
    builtin = [each for kind, each in rendered.items() if kind not in MONITORING]
    for each in (*builtin, *pipeline):
        kubernetes_validate.validate(each, kubernetes, strict=True)


def test_an_unknown_field_is_found(rendered):
    """The validation is strict."""
    service = {**rendered["Service"], "spec": {**rendered["Service"]["spec"], "prots": []}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(service, KUBERNETES[-1], strict=True)


def test_the_configuration_is_valid_where_it_is_mounted(rendered, config):
    """ConfigMap, Secret and variables, at the paths of the Deployment, are a valid configuration."""
    assert config.database.dsn.reveal() == rendered["Secret"]["stringData"]["dsn"]
    assert config.application is not None


def test_the_state_is_on_the_only_writable_volume(rendered, pod, config):
    """The file system is read-only; one exporter at a time uses the volume."""
    (container,) = pod["containers"]
    (mount,) = [each for each in container["volumeMounts"] if not each.get("readOnly")]
    assert mount["mountPath"] == str(config.watch.state_dir) == "/state"
    assert mount["mountPath"] == read(ROOT / "Dockerfile")[-1].only("VOLUME").arguments
    (claim,) = [each["persistentVolumeClaim"] for each in pod["volumes"] if each["name"] == mount["name"]]
    assert claim["claimName"] == rendered["PersistentVolumeClaim"]["metadata"]["name"]
    spec = rendered["Deployment"]["spec"]
    assert (spec["replicas"], spec["strategy"]["type"]) == (1, "Recreate")


def test_it_runs_as_the_image_does(pod):
    """Version, user, port and probes are those of the Dockerfile and of the HTTP contract."""
    stage = read(ROOT / "Dockerfile")[-1]
    (container,) = pod["containers"]
    context = pod["securityContext"]
    assert container["image"] == f"ghcr.io/outbox-exporter/outbox-exporter:{version()}"
    assert f"{context['runAsUser']}:{context['runAsGroup']}" == stage.only("USER").arguments
    assert container["ports"] == [{"name": "metrics", "containerPort": int(stage.only("EXPOSE").arguments)}]
    assert container["livenessProbe"]["httpGet"] == {"path": "/-/healthy", "port": "metrics"}
    assert container["readinessProbe"]["httpGet"] == {"path": "/-/ready", "port": "metrics"}


def test_it_has_no_unneeded_privileges(pod):
    """Not root, no privileges, no token of the cluster, no secret readable by others, bounded memory."""
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    (secret,) = [volume["secret"] for volume in pod["volumes"] if "secret" in volume]
    assert secret["defaultMode"] & 0o007 == 0
    assert set(container["resources"]["limits"]) == {"memory"}


def _selects(selector: dict[str, str], labels: dict[str, str]) -> bool:
    return selector.items() <= labels.items()


def test_selectors_find_the_exporter_and_not_the_jobs(rendered, jobs):
    """Deployment, Service and PodMonitor select its Pods alone; the NetworkPolicy applies to the Jobs, too."""
    labels = rendered["Deployment"]["spec"]["template"]["metadata"]["labels"]
    others = [job["spec"]["template"]["metadata"]["labels"] for job in jobs.values()]
    for selector in (
        rendered["Deployment"]["spec"]["selector"]["matchLabels"],
        rendered["Service"]["spec"]["selector"],
        rendered["PodMonitor"]["spec"]["selector"]["matchLabels"],
    ):
        assert _selects(selector, labels)
        assert not any(_selects(selector, other) for other in others)
    protected = rendered["NetworkPolicy"]["spec"]["podSelector"]["matchLabels"]
    assert all(_selects(protected, each) for each in (labels, *others))


def test_prometheus_scrapes_under_the_name_of_the_rules(rendered):
    """The label `job`, and the interval of the rules."""
    policy = load_policy()
    monitor = rendered["PodMonitor"]["spec"]
    labels = rendered["Deployment"]["spec"]["template"]["metadata"]["labels"]
    (endpoint,) = monitor["podMetricsEndpoints"]
    assert labels[monitor["jobLabel"]] == policy.job
    assert (endpoint["port"], endpoint["interval"]) == ("metrics", "15s")
    assert rendered["Service"]["spec"]["ports"][0]["targetPort"] == "metrics"


def test_the_rules_are_the_shipped_ones(rendered):
    """The same groups as in the file of alerts/prometheus."""
    shipped = yaml.safe_load((ROOT / "alerts" / "prometheus" / "outbox.rules.yaml").read_text("utf-8"))
    assert rendered["PrometheusRule"]["spec"]["groups"] == shipped["groups"]


def test_the_network_policy_admits_what_the_configuration_needs(rendered, config):
    """Outwards: DNS, the database, the application; inwards: the port of the metrics alone."""
    spec = rendered["NetworkPolicy"]["spec"]
    outwards = {port["port"] for rule in spec["egress"] for port in rule["ports"]}
    addresses = (config.database.dsn.reveal(), str(config.application.url))
    assert outwards == {53, *(urlsplit(address).port for address in addresses)}
    (inwards,) = spec["ingress"]
    assert inwards["ports"] == [{"protocol": "TCP", "port": "metrics"}]
    assert set(spec["policyTypes"]) == {"Ingress", "Egress"}
