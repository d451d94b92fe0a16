"""Versions, licences and contents of installed packages, from the metadata of made-up ones."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tools import third_party

METADATA = """Metadata-Version: 2.4
Name: {name}
Version: {version}
{more}
"""
# The SHA-256 of an empty file.
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.fixture
def install(tmp_path):
    """Installs a distribution with these lines of metadata and these files into `tmp_path`."""

    def installed(name: str, version: str = "1.0", more: str = "", **files: str) -> None:
        directory = tmp_path / f"{name.replace('-', '_')}-{version}.dist-info"
        directory.mkdir()
        (directory / "METADATA").write_text(METADATA.format(name=name, version=version, more=more))
        for file, text in files.items():
            (directory / file).write_text(text)
        record = [f"{directory.name}/{file},," for file in ("METADATA", *files)]
        (directory / "RECORD").write_text("\n".join(record))

    return installed


def test_packages_of_others_are_listed_by_name(install, tmp_path):
    """Neither the exporter nor an installer; names are normalised."""
    for name in ("Zeta_Two", "alpha", "outbox-exporter", "pip", "setuptools"):
        install(name)
    assert [each.name for each in third_party.packages(tmp_path)] == ["alpha", "zeta-two"]


@pytest.mark.parametrize(
    ("more", "text", "licence"),
    [
        ("License-Expression: MPL-2.0\nLicense: other", "any", "MPL-2.0"),
        ("License: BSD-3-Clause", "any", "BSD-3-Clause"),
        ("", "\nThe MIT License (MIT)\n\nCopyright", "MIT"),
        ("License: Permission is hereby\n  granted", "The MIT License (MIT)", "MIT"),
        ("", "Own licence\nCopyright", "Own licence"),
        ("", "", "unknown"),
    ],
)
def test_the_licence(install, tmp_path, more, text, licence):
    """The expression, else the metadata's text if it is one line, else the first line of the licence file."""
    install("alpha", more=more, LICENSE=text)
    (found,) = third_party.packages(tmp_path)
    assert found.licence == licence


def test_the_homepage(install, tmp_path):
    """The project's page, else its source, else the old field."""
    install("a", more="Project-URL: Source, https://src\nProject-URL: Homepage, https://home")
    install("b", more="Project-URL: Changelog, https://log\nProject-URL: Source code, https://src")
    install("c", more="Home-page: https://old")
    assert [each.homepage for each in third_party.packages(tmp_path)] == ["https://home", "https://src", "https://old"]


def libraries(tmp_path: Path, *names: tuple[str, bytes]) -> None:
    directory = tmp_path / "psycopg_binary.libs"
    directory.mkdir()
    for name, content in names:
        (directory / name).write_bytes(content)


def test_libraries_are_grouped_by_project(tmp_path):
    """The version that OpenSSL states in one of its files; none where no file states one."""
    libraries(
        tmp_path,
        ("libssl-6a9b88ec.so.3", b""),
        ("libcrypto-3a0647ea.so.3", b"\0\0OpenSSL 3.5.9 29 Sep 2026\0"),
        ("libldap-fb847fea.so.2.0.200", b""),
    )
    openldap, openssl = third_party.libraries(tmp_path)
    assert (openldap.project.name, openldap.project.licence, openldap.version) == ("openldap", "OLDAP-2.8", None)
    assert (openssl.project.name, openssl.version) == ("openssl", "3.5.9")
    assert openssl.files["libssl-6a9b88ec.so.3"] == EMPTY


def test_an_unknown_library_is_an_error(tmp_path):
    """Its licence has to be added."""
    libraries(tmp_path, ("libnew-3a0647ea.so.1", b""))
    with pytest.raises(KeyError, match="libnew"):
        third_party.libraries(tmp_path)


def test_the_page_lists_packages_and_libraries(install, tmp_path):
    """One row each, with version and licence."""
    install("alpha", more="License: MIT\nHome-page: https://alpha")
    libraries(tmp_path, ("libcrypto-3a0647ea.so.3", b"\0OpenSSL 3.5.9 29 Sep 2026"), ("libldap-fb847fea.so.2", b""))
    page = third_party.page(tmp_path)
    assert "| [alpha](https://alpha) | 1.0 | MIT |\n" in page
    assert "| [openldap](https://www.openldap.org/) | not stated | OLDAP-2.8 |\n" in page
    assert "| [openssl](https://openssl-library.org/) | 3.5.9 | Apache-2.0 |\n" in page


def test_notices_contain_the_texts(install, tmp_path):
    """Every licence file in full, and the licences of libraries inside of wheels."""
    install("alpha", more="License: Apache-2.0", LICENSE="Terms\nand conditions", NOTICE="Copyright A")
    libraries(tmp_path, ("libkrb5-f18b4d11.so.3.3", b"KRB5_BRAND: krb5-1.22.2-final"))
    text = third_party.notices(tmp_path)
    assert "alpha 1.0\nLicence: Apache-2.0\n" in text
    assert "LICENSE:\n\nTerms\nand conditions\n" in text
    assert "NOTICE:\n\nCopyright A\n" in text
    assert "krb5 1.22.2 (in psycopg-binary)\nLicence: MIT\n" in text


def test_the_bill_contains_what_is_inside_of_wheels(install, tmp_path):
    """The wheel's own bill without the wheel itself, and psycopg-binary's libraries with their hashes."""
    install("psycopg-binary", "3.3.9")
    bills = tmp_path / "psycopg_binary-3.3.9.dist-info" / "sboms"
    bills.mkdir()
    own = [
        {"type": "library", "name": "psycopg_binary", "version": "3.3.9"},
        {"type": "library", "name": "keyutils-libs", "version": "1.5.8", "bom-ref": "dropped"},
    ]
    (bills / "auditwheel.cdx.json").write_text(json.dumps({"components": own}))
    libraries(tmp_path, ("libcrypto-3a0647ea.so.3", b"\0OpenSSL 3.5.9 29 Sep 2026"))
    bom = {"components": [{"name": "psycopg-binary", "version": "3.3.9"}, {"name": "click", "version": "8.5.1"}]}
    psycopg, click = third_party.with_contents(bom, tmp_path)["components"]
    assert "components" not in click
    keyutils, openssl = psycopg["components"]
    assert keyutils == {"type": "library", "name": "keyutils-libs", "version": "1.5.8"}
    assert openssl["cpe"] == "cpe:2.3:a:openssl:openssl:3.5.9:*:*:*:*:*:*:*"
    assert openssl["purl"] == "pkg:generic/openssl@3.5.9"
    assert openssl["licenses"] == [{"license": {"id": "Apache-2.0"}}]
    (file,) = openssl["components"]
    assert (file["type"], file["name"]) == ("file", "libcrypto-3a0647ea.so.3")
    assert len(file["hashes"][0]["content"]) == 64


def test_the_command_line(install, tmp_path, monkeypatch, capsys):
    """It writes what is asked for, and explains itself when it is not known."""
    install("alpha", more="License: MIT\nHome-page: https://alpha")
    monkeypatch.setattr("sys.argv", ["third_party.py", "page", str(tmp_path)])
    third_party.main()
    assert "| [alpha](https://alpha) | 1.0 | MIT |" in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["third_party.py", "other", str(tmp_path)])
    with pytest.raises(SystemExit, match="SITE_PACKAGES"):
        third_party.main()
