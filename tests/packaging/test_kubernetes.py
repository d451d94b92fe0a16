"""examples/kubernetes.yaml agrees with the image and with the configuration keys."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from alerts.policy.load import override_error_in_default_policy
from exporter.config import loader
from exporter.database import dsn_problem
from tools.dockerfile import read
from tools.image import ROOT


@pytest.fixture(scope="module")
def objects() -> dict[str, Any]:
    """The objects of the file by kind."""
    text = (ROOT / "examples" / "kubernetes.yaml").read_text()
    return {document["kind"]: document for document in yaml.safe_load_all(text)}


@pytest.fixture(scope="module")
def pod(objects) -> Any:
    return objects["Deployment"]["spec"]["template"]["spec"]


def test_the_configuration_is_valid_where_it_is_mounted(objects, pod, tmp_path):
    """ConfigMap and Secret, at the paths of their volumes, are a valid configuration."""
    (container,) = pod["containers"]
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    for mount in container["volumeMounts"]:
        volume = volumes[mount["name"]]
        keys = "stringData" if "secret" in volume else "data"
        source = objects["Secret" if "secret" in volume else "ConfigMap"]
        directory = _below(tmp_path, mount["mountPath"])
        directory.mkdir(parents=True)
        for name, text in source[keys].items():
            (directory / name).write_text(text.replace(": /", f": {tmp_path}/"))
    (variable,) = container["env"]
    assert variable["name"] == "OUTBOX_EXPORTER_CONFIG"
    config = loader.load(
        _below(tmp_path, variable["value"]), {}, loader.ExternalChecks(dsn_problem, override_error_in_default_policy)
    )
    assert config.database.dsn.reveal() == objects["Secret"]["stringData"]["dsn"]
    assert config.application is not None


def test_it_runs_as_the_image_does(pod):
    """User, port and probes are those of the Dockerfile and of the HTTP contract."""
    stage = read(ROOT / "Dockerfile")[-1]
    (container,) = pod["containers"]
    context = pod["securityContext"]
    assert f"{context['runAsUser']}:{context['runAsGroup']}" == stage.only("USER").arguments
    assert str(container["ports"][0]["containerPort"]) == stage.only("EXPOSE").arguments
    assert container["livenessProbe"]["httpGet"]["path"] == "/-/healthy"
    assert container["readinessProbe"]["httpGet"]["path"] == "/-/ready"


def test_it_has_no_unneeded_privileges(pod):
    """Not root, no privileges, nothing writable, no cluster token, no secret readable by others."""
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    (secret,) = [volume["secret"] for volume in pod["volumes"] if "secret" in volume]
    assert secret["defaultMode"] & 0o007 == 0


def test_there_is_one_replica(objects):
    """Two exporters would double counters and connections, also during a roll-out."""
    spec = objects["Deployment"]["spec"]
    assert (spec["replicas"], spec["strategy"]["type"]) == (1, "Recreate")


def _below(root: Path, path: str) -> Path:
    return root / path.lstrip("/")
