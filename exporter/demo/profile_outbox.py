"""The outbox of a profile: the library's own tables, API and worker."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from exporter.adoption import role_script
from exporter.core.errors import ConfigError
from exporter.demo.configuration import configuration
from exporter.demo.outbox import ROLE, RunningOutbox
from exporter.lab.libraries import known
from exporter.lab.libraries.library_lab import FAULTS, LibraryLab
from exporter.outbox import profiles


class ProfileOutbox:
    """The lab of a profile's library.

    Raises: ConfigError for a profile whose library the demo cannot run, or whose packages are not installed.
    """

    faults: Mapping[str, str] = FAULTS

    def __init__(self, name: str) -> None:
        if name not in known.NAMES:
            runs = ", ".join(known.NAMES)
            raise ConfigError((f"--profile {name}: the demo runs the libraries of the profiles {runs} only",))
        if missing := known.missing_packages(name):
            packages = ", ".join(missing)
            raise ConfigError((f"--profile {name} needs {packages}: pip install 'outbox-exporter[demo-profiles]'",))
        profile = profiles.load(name)
        self.title = profile.title
        self.parts = f"{profile.title} with its tables, traffic and a worker"
        self.mapping = profile.mapping
        self._name = name

    @contextmanager
    def running(self, port: int, fault: str | None) -> Iterator[RunningOutbox]:
        """Run the library."""
        with LibraryLab(self._name, fault, prepare=self._make_role) as lab:
            dsn, directory = lab.cluster.dsn(user=ROLE), lab.cluster.directory
            yield RunningOutbox(lambda: configuration(dsn, directory, port, profile=self._name), lab.begin)

    def _make_role(self, lab: LibraryLab) -> None:
        """With the script that `adopt` prints."""
        lab.execute(role_script.monitoring_role("public", role_script.granted_tables(self.mapping)))
