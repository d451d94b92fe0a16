"""Third-party software of an installation: versions, licences, notices and the software bill of materials.

    python tools/third_party.py page|notices SITE_PACKAGES
    python tools/third_party.py sbom SITE_PACKAGES <sbom.json

`tools/lock` writes docs/dependencies.md with it. The build of the image runs it without the project's dependencies, so
it needs the standard library only.
"""

import ctypes
import hashlib
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any, Final

OWN: Final = "outbox-exporter"
# Installers of a virtual environment; the image has none.
_INSTALLERS: Final = ("pip", "setuptools")

PAGE: Final = """# Dependencies

The packages that the container image contains, in the versions of
[`requirements/run.txt`](../requirements/run.txt). `make lock` writes both files. [Installation](installation.md)
describes how they are verified, and where the image has its notices and its software bill of materials.

{packages}

Libraries that the wheel of psycopg-binary contains:

{libraries}

psycopg is under the GNU Lesser General Public License. The image contains it unchanged, as Python files and as a shared
library in a directory of its own, so that another version can replace it.
"""
NOTICES: Final = """This image contains outbox-exporter, which is under the MIT licence, and the software listed here,
which others wrote. The licences of the base image, Debian and Python, are below /usr/share/doc and
/usr/share/common-licenses.
"""


@dataclass(frozen=True, slots=True)
class Package:
    """An installed distribution; `texts` has its licence files by name."""

    name: str
    version: str
    licence: str
    homepage: str
    texts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Project:
    """A project whose libraries wheels contain: an SPDX licence and, where scanners need it, the vendor of its CPE."""

    name: str
    licence: str
    homepage: str
    vendor: str | None = None


@dataclass(frozen=True, slots=True)
class Library:
    """A project's shared libraries in a wheel, with the SHA-256 of each file; no `version` where none is stated."""

    project: Project
    version: str | None
    files: Mapping[str, str]


_KRB5: Final = Project("krb5", "MIT", "https://web.mit.edu/kerberos/", "mit")
_OPENLDAP: Final = Project("openldap", "OLDAP-2.8", "https://www.openldap.org/", "openldap")
_OPENSSL: Final = Project("openssl", "Apache-2.0", "https://openssl-library.org/", "openssl")
# The project of each library of psycopg-binary, by the name of its file up to the hash.
PROJECTS: Final[Mapping[str, Project]] = {
    "libcom_err": Project("libcom_err", "MIT", "https://e2fsprogs.sourceforge.net/"),
    "libcrypt": Project("glibc-libcrypt", "LGPL-2.1-or-later", "https://www.gnu.org/software/libc/"),
    "libcrypto": _OPENSSL,
    "libgssapi_krb5": _KRB5,
    "libk5crypto": _KRB5,
    "libkeyutils": Project("keyutils", "LGPL-2.1-or-later", "https://people.redhat.com/~dhowells/keyutils/"),
    "libkrb5": _KRB5,
    "libkrb5support": _KRB5,
    "liblber": _OPENLDAP,
    "libldap": _OPENLDAP,
    "libpq": Project("libpq", "PostgreSQL", "https://www.postgresql.org/", "postgresql"),
    "libsasl2": Project("cyrus-sasl", "BSD-4-Clause", "https://www.cyrusimap.org/sasl/", "cyrusimap"),
    "libssl": _OPENSSL,
}


def _libpq_version(library: Path) -> str | None:
    number = ctypes.CDLL(str(library)).PQlibVersion()
    return f"{number // 10000}.{number % 10000}"


def _stated(pattern: bytes) -> Callable[[Path], str | None]:
    """The version in a text that the library contains."""

    def version(library: Path) -> str | None:
        found = re.search(pattern, library.read_bytes())
        return found[1].decode() if found else None

    return version


_VERSIONS: Final[Mapping[str, Callable[[Path], str | None]]] = {
    "libcrypto": _stated(rb"\0OpenSSL (\d+\.\d+\.\d+) "),
    "libkrb5": _stated(rb"krb5-(\d+\.\d+(?:\.\d+)?)-final"),
    "libpq": _libpq_version,
}


def packages(site_packages: Path) -> list[Package]:
    """The distributions of others, sorted by name."""
    found = [_package(each) for each in distributions(path=[str(site_packages)])]
    return sorted((each for each in found if each.name not in (OWN, *_INSTALLERS)), key=lambda each: each.name)


def _package(distribution: Distribution) -> Package:
    name = re.sub(r"[-_.]+", "-", distribution.name).lower()
    texts = dict(_licence_texts(distribution))
    return Package(name, distribution.version, _licence(distribution, texts), _homepage(distribution), texts)


def _licence_texts(distribution: Distribution) -> Iterator[tuple[str, str]]:
    for file in sorted(distribution.files or ()):
        if ".dist-info" in file.parts[0] and re.match(r"(licen|notice|copying|authors)", file.name, re.IGNORECASE):
            yield file.name, Path(str(file.locate())).read_text("utf-8", "replace")


def _licence(distribution: Distribution, texts: Mapping[str, str]) -> str:
    """The SPDX expression, else what the metadata or the first line of the licence's text says."""
    for stated in (_field(distribution, "License-Expression"), _field(distribution, "License")):
        if stated and "\n" not in stated:
            return stated
    first = next((text.strip().splitlines()[0] for text in texts.values() if text.strip()), "unknown")
    return re.sub(r"^The (\w+) License.*", r"\1", first)


def _field(distribution: Distribution, name: str) -> str:
    """The first value of a field of the metadata; empty without it."""
    return next(iter(distribution.metadata.get_all(name) or ()), "")


def _homepage(distribution: Distribution) -> str:
    urls = [url.split(", ", 1) for url in distribution.metadata.get_all("Project-URL") or ()]
    by_label = {label.lower(): url for label, url in urls}
    labels = ("homepage", "source", "source code", "code", "documentation")
    labelled = (by_label[label] for label in labels if label in by_label)
    return next(labelled, _field(distribution, "Home-page"))


def libraries(site_packages: Path) -> list[Library]:
    """The shared libraries that psycopg-binary contains, by project. Raises: KeyError for an unknown one."""
    files = sorted(site_packages.glob("psycopg_binary.libs/*.so*"))
    by_project: dict[Project, list[Path]] = {}
    for file in files:
        by_project.setdefault(PROJECTS[_stem(file)], []).append(file)
    return sorted((_library(*each) for each in by_project.items()), key=lambda each: each.project.name)


def _library(project: Project, files: list[Path]) -> Library:
    versions = [_VERSIONS[_stem(file)](file) for file in files if _stem(file) in _VERSIONS]
    hashes = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
    return Library(project, versions[0] if versions else None, hashes)


def _stem(library: Path) -> str:
    """`libpq` of libpq-e9b5c9ac.so.5.18."""
    return re.sub(r"-[0-9a-f]{8}\.so.*$", "", library.name)


def page(site_packages: Path) -> str:
    """The text of docs/dependencies.md."""
    rows = ["| Package | Version | Licence |", "|---|---|---|"]
    rows += [
        f"| [{each.name}]({each.homepage}) | {each.version} | {each.licence} |" for each in packages(site_packages)
    ]
    libs = ["| Library | Version | Licence |", "|---|---|---|"]
    libs += [
        f"| [{each.project.name}]({each.project.homepage}) | {each.version or 'not stated'} | {each.project.licence} |"
        for each in libraries(site_packages)
    ]
    return PAGE.format(packages="\n".join(rows), libraries="\n".join(libs))


def notices(site_packages: Path) -> str:
    """The licences of all packages with their texts."""
    parts = [NOTICES]
    for each in packages(site_packages):
        parts.append(_heading(f"{each.name} {each.version}", each.licence, each.homepage))
        parts += [f"{name}:\n\n{text.strip()}\n" for name, text in each.texts.items()]
    for library in libraries(site_packages):
        title = f"{library.project.name} {library.version or ''}".rstrip() + " (in psycopg-binary)"
        parts.append(_heading(title, library.project.licence, library.project.homepage))
    return "\n".join(parts)


def _heading(title: str, licence: str, homepage: str) -> str:
    return f"{'=' * 80}\n{title}\nLicence: {licence}\n{homepage}\n"


def with_contents(bom: dict[str, Any], site_packages: Path) -> dict[str, Any]:
    """The bill of materials with what is inside of wheels: their own bills (PEP 770) and psycopg-binary's libraries.

    Wheels' own bills name what their builder could recognise: neither libpq nor OpenSSL. Shape: nested components.
    """
    for component in bom["components"]:
        inside = list(_own_bill(component, site_packages))
        if component["name"] == "psycopg-binary":
            inside += [_component(each) for each in libraries(site_packages)]
        if inside:
            component["components"] = inside
    return bom


def _own_bill(component: Mapping[str, Any], site_packages: Path) -> Iterator[dict[str, Any]]:
    directory = f"{component['name'].replace('-', '_')}-{component['version']}.dist-info"
    for file in sorted((site_packages / directory / "sboms").glob("*.json")):
        for each in json.loads(file.read_text("utf-8"))["components"]:
            if each["name"].replace("_", "-") != component["name"]:
                kept = ("type", "name", "version", "purl", "licenses", "hashes")
                yield {key: each[key] for key in kept if key in each}


def _component(library: Library) -> dict[str, Any]:
    project, version = library.project, library.version
    stated: dict[str, Any] = {}
    if version:
        stated = {"version": version, "purl": f"pkg:generic/{project.name}@{version}"}
        if project.vendor:
            product = "postgresql" if project.name == "libpq" else project.name
            stated["cpe"] = f"cpe:2.3:a:{project.vendor}:{product}:{version}:*:*:*:*:*:*:*"
    files = [
        {"type": "file", "name": name, "hashes": [{"alg": "SHA-256", "content": content}]}
        for name, content in library.files.items()
    ]
    licences = [{"license": {"id": project.licence}}]
    return {"type": "library", "name": project.name, **stated, "licenses": licences, "components": files}


def main() -> None:
    """Writes what the first argument names to standard output."""
    what, site_packages = sys.argv[1], Path(sys.argv[2])
    match what:
        case "page":
            sys.stdout.write(page(site_packages))
        case "notices":
            sys.stdout.write(notices(site_packages))
        case "sbom":
            sys.stdout.write(json.dumps(with_contents(json.load(sys.stdin), site_packages), indent=2) + "\n")
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
