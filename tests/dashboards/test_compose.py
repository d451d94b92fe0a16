"""compose.yaml as far as it can be known without an engine.

Every file that it mounts is there, every configuration is accepted by the program that reads it, names and ports agree
from one file to the next, and the lab and the exporter of it work together as they would in their shared network.
"""

from __future__ import annotations

import re
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from alerts.policy.load import configured_policy, load_policy, override_error_in_default_policy
from dashboards.builder.build import RUNBOOKS
from exporter.config import loader
from exporter.database import dsn_problem
from exporter.lab.faults import FAULTS
from exporter.lab.ports import free_port
from tests import webtools
from tests.dashboards.reading import FILES
from tests.end_to_end.program import Program, environment, eventually, running, started
from tests.newest import either
from tools.dockerfile import read

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples" / "compose"
# The volume for state, and its place in the exporter.
STATE = "state:/state"
CHECKS = loader.ExternalChecks(dsn_problem, override_error_in_default_policy)


def load(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = load(ROOT / "compose.yaml")["services"]
    return found


def mounts(service: dict[str, Any]) -> dict[str, Path]:
    """Mounted files and their paths in a service; all of them read-only. Without the volume for state."""
    found = {}
    for volume in service.get("volumes", ()):
        if volume == STATE:
            continue
        source, target, mode = volume.split(":")
        assert mode == "ro", volume
        found[target] = ROOT / source
    return found


def ports(service: dict[str, Any]) -> set[int]:
    """Published ports, on this machine alone."""
    published = [port.split(":") for port in service.get("ports", ())]
    assert all(host == "127.0.0.1" and outside == inside for host, outside, inside in published)
    return {int(inside) for _, _, inside in published}


def test_every_part_is_there(services):
    """The services of the specification, and nothing else."""
    assert set(services) == {"lab", "exporter", "prometheus", "alertmanager", "grafana"}


def test_every_mounted_file_is_there(services):
    """Under the name that compose.yaml gives it."""
    for service in services.values():
        for path in mounts(service).values():
            assert path.exists(), path


def test_every_image_has_a_version(services):
    """None moves under our feet."""
    for service in services.values():
        if "image" in service:
            assert re.fullmatch(r"(prom|grafana)/\w+:v?\d+\.\d+\.\d+", service["image"])


def test_built_services_have_a_dockerfile(services):
    """From the repository as it is."""
    assert services["exporter"]["build"] == "."
    assert (ROOT / "Dockerfile").exists()
    assert services["lab"]["build"]["context"] == "."
    assert (ROOT / services["lab"]["build"]["dockerfile"]).exists()


def test_the_lab_image_contains_the_lab(services):
    """The extra with PostgreSQL, a user that is not root and has a name, and nothing that .dockerignore keeps out."""
    (stage,) = read(EXAMPLES / "lab.Dockerfile")
    run = stage.only("RUN").arguments
    assert "'/src[demo]'" in run
    assert f"--uid {stage.only('USER').arguments} " in run
    assert stage.only("COPY").arguments == ". /src"
    assert services["lab"]["command"][1] in mounts(services["lab"])


def test_the_lab_image_is_written_well():
    """As hadolint wants it."""
    hadolint = Path(sysconfig.get_path("scripts")) / "hadolint"
    done = subprocess.run([hadolint, EXAMPLES / "lab.Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_a_fault_can_be_requested(services):
    """None unless asked; by the names of the demo."""
    assert services["lab"]["environment"] == {"FAULT": "${FAULT:-}"}
    named = re.search(r"FAULT=([\w-]+) docker compose up", (ROOT / "compose.yaml").read_text("utf-8"))
    assert named
    assert named[1] in FAULTS


def test_the_exporter_is_a_sidecar(services, tmp_path):
    """In the lab's network, as in a Pod; its configuration is valid and points at the lab's ports."""
    service = services["exporter"]
    assert service["network_mode"] == "service:lab"
    config = loader.load(_exporter_config(services, tmp_path), {}, CHECKS)
    assert "@127.0.0.1:5432/" in config.database.dsn.reveal()
    assert config.application is not None
    assert str(config.application.url).startswith("http://127.0.0.1:4000/")
    lab = (EXAMPLES / "lab.py").read_text("utf-8")
    assert '"DATABASE_PORT", "5432"' in lab
    assert '"APPLICATION_PORT", "4000"' in lab
    assert "4000" in services["lab"]["healthcheck"]["test"][-1]


def test_the_exporter_can_write_its_state_and_nothing_else(services, tmp_path):
    """In a volume at the image's own directory for it, which belongs to its user."""
    service = services["exporter"]
    config = loader.load(_exporter_config(services, tmp_path), {}, CHECKS)
    image = read(ROOT / "Dockerfile")[-1]
    assert service["read_only"] is True
    assert STATE in service["volumes"]
    assert f"state:{config.watch.state_dir}" == STATE == f"state:{image.only('VOLUME').arguments}"
    assert set(load(ROOT / "compose.yaml")["volumes"]) == {"state"}


def test_prometheus_finds_the_exporter(services):
    """Under a name of the lab's network, at the port that the image exposes and the lab publishes."""
    (config,) = [path for path in mounts(services["prometheus"]).values() if path.name == "prometheus.yaml"]
    (job,) = load(config)["scrape_configs"]
    ((target,),) = [entry["targets"] for entry in job["static_configs"]]
    name, _, port = target.partition(":")
    assert services["lab"]["networks"]["default"]["aliases"] == [name]
    assert read(ROOT / "Dockerfile")[-1].only("EXPOSE").arguments == port
    assert int(port) in ports(services["lab"])
    assert job["job_name"] == load_policy().job


@either
def test_prometheus_takes_its_configuration(services, tmp_path, require):
    """Promtool reads it as mounted, rules and all."""
    promtool = require("promtool")
    config = _laid_out(services["prometheus"], tmp_path) / "etc" / "prometheus" / "prometheus.yml"
    done = subprocess.run([promtool, "check", "config", config], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"SUCCESS: \d\d+ rules found", done.stdout)


def test_prometheus_and_the_exporter_find_alertmanager(services, tmp_path):
    """By the name of its service, at the port that it publishes."""
    (config,) = [path for path in mounts(services["prometheus"]).values() if path.name == "prometheus.yaml"]
    ((target,),) = [
        entry["targets"] for one in load(config)["alerting"]["alertmanagers"] for entry in one["static_configs"]
    ]
    assert target.partition(":")[0] in services
    assert int(target.partition(":")[2]) in ports(services["alertmanager"])
    assert f"http://{target}" in _exporter_config(services, tmp_path).read_text("utf-8")


@either
def test_alertmanager_takes_its_configuration(services, tmp_path, require):
    """Amtool reads the output of its command: the shipped routes and inhibition, with receivers without targets."""
    amtool = require("amtool")
    root = _laid_out(services["alertmanager"], tmp_path)
    (root / "alertmanager").mkdir()
    (script,) = services["alertmanager"]["command"]
    made = re.sub(r"(?<![\w.])/(shipped|receivers|alertmanager/)", rf"{root}/\1", script.replace("$$", "$"))
    shell, _, start = made.partition("exec ")
    subprocess.run(["/bin/sh", "-ec", shell], check=True)
    config = root / "alertmanager" / "alertmanager.yaml"
    assert f"--config.file={config}" in start
    done = subprocess.run([amtool, "check-config", config], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    shipped, ours = load(ROOT / "alerts" / "alertmanager" / "alertmanager.yaml"), load(config)
    names = [receiver["name"] for receiver in shipped.pop("receivers")]
    assert ours.pop("receivers") == [{"name": name} for name in names]
    assert ours == shipped


def test_alertmanager_waits_for_inhibiting_alerts(services):
    """After a start, since Prometheus repeats each alert at a moment of its own, up to 75 s later.

    That is its resend delay of a minute and the evaluation after it, every 15 s in the shipped configuration.
    """
    image, version = services["alertmanager"]["image"].split(":v")
    assert image == "prom/alertmanager"
    assert tuple(map(int, version.split("."))) >= (0, 30)  # older ones refuse to start with that option
    assert "--dispatch.start-delay=1m30s" in services["alertmanager"]["command"][0].split()


def test_the_links_of_the_exporter_lead_to_it(services, tmp_path):
    """Notifications link to the port that the lab publishes."""
    config = loader.load(_exporter_config(services, tmp_path), {}, CHECKS)
    policy = configured_policy(config)
    assert policy.rules[0].runbook_url == f"http://localhost:9721/runbooks/{policy.rules[0].key.alert}"
    assert 9721 in ports(services["lab"])


def test_grafana_finds_prometheus(services):
    """By the name of its service and its port, under the type that the dashboards ask for."""
    provisioning = mounts(services["grafana"])["/etc/grafana/provisioning"]
    (source,) = load(provisioning / "datasources" / "prometheus.yaml")["datasources"]
    found = re.fullmatch(r"http://(\w+):(\d+)", source["url"])
    assert found
    assert source["type"] == "prometheus"
    assert source["isDefault"] is True
    assert found[1] in services
    assert int(found[2]) in ports(services["prometheus"])
    config = load(ROOT / "alerts" / "prometheus" / "prometheus.yaml")
    assert source["jsonData"]["timeInterval"] == config["global"]["scrape_interval"]


def test_grafana_finds_the_dashboards(services):
    """All of them, where its provider ticks; the first page is the overview; none is changed in Grafana."""
    seen = mounts(services["grafana"])
    (provider,) = load(seen["/etc/grafana/provisioning"] / "dashboards" / "outbox.yaml")["providers"]
    directory = provider["options"]["path"]
    assert {Path(target).name for target in seen if target.startswith(f"{directory}/")} == set(FILES)
    home = services["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert seen[home].name == "outbox-overview.json"
    assert provider["allowUiUpdates"] is False


def test_grafana_serves_the_runbooks(services):
    """Where the dashboards' links lead."""
    assert mounts(services["grafana"])[f"/usr/share/grafana{RUNBOOKS}"] == ROOT / "alerts/runbooks"
    for rule in load_policy().rules:
        assert (ROOT / "alerts" / "runbooks" / f"{rule.key.alert}.md").exists()


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[tuple[int, int]]:
    """The lab's script at work, on ports that are free here."""
    database, application = free_port(), free_port()
    steering = environment(DATABASE_PORT=str(database), APPLICATION_PORT=str(application), FAULT="poison-rows")
    with started([sys.executable, EXAMPLES / "lab.py"], tmp_path, steering) as program:
        eventually(lambda: _answers(program, application), seconds=30)
        yield database, application
        program.end()


def test_the_lab_and_the_exporter_work_together(lab, services, tmp_path):
    """The script serves database and application; the exporter's configuration, on these ports, sees the fault."""
    database, application = lab
    config = _exporter_config(services, tmp_path)
    text = config.read_text("utf-8").replace(":5432/", f":{database}/").replace(":4000/", f":{application}/")
    text = text.replace(" /state", f" {tmp_path}").replace("http://alertmanager:9093", "null")
    text = text.replace("web:\n", "web:\n  listen: 127.0.0.1:0\n")
    config.write_text(f"{text}\nsampling:\n  interval: 5s\n")
    with running(tmp_path, "--config", str(config), "serve") as exporter:
        eventually(lambda: exporter.scrape().get("outbox_head_blocked_jobs") == 100, seconds=30)
        assert exporter.scrape().value("outbox_app_up", endpoint="healthCheck") == 1
        # Informational collectors have their first sample after the backlog's.
        eventually(lambda: exporter.scrape().all_collectors_succeed)
        exporter.end()


def _answers(program: Program, port: int) -> bool:
    assert program.process.poll() is None, program.log
    try:
        return webtools.get(f"http://127.0.0.1:{port}/trpc/metrics.healthCheck").status_code == 200
    except OSError:
        return False


def _exporter_config(services: dict[str, Any], directory: Path) -> Path:
    """The exporter's configuration as it is mounted."""
    service = services["exporter"]
    source = mounts(service)[service["environment"]["OUTBOX_EXPORTER_CONFIG"]]
    copy = directory / "config.yaml"
    copy.write_text(source.read_text("utf-8"))
    return copy


def _laid_out(service: dict[str, Any], root: Path) -> Path:
    """The files of a service where it sees them, below `root`."""
    for target, source in mounts(service).items():
        place = root / target.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(source.read_text("utf-8"))
    return root
