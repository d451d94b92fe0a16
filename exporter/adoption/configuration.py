"""The configuration of a proposal: as a document to print, and as settings to sample with."""

from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from exporter.adoption.proposal import Proposal
from exporter.config import values
from exporter.config.keys import KEYS
from exporter.config.settings import Config, OutboxSettings
from exporter.core.types import Zone
from exporter.outbox import profiles
from exporter.outbox.mapping import DEFAULT, OutboxMapping
from exporter.outbox.resolve import MappingProblem, resolve


def document(proposal: Proposal, config: Config) -> dict[str, Any]:
    """The sections that the configuration needs for it. `config` is the present one, whose schema is the default."""
    sections: dict[str, Any] = {}
    if proposal.timestamp_zone:
        sections["database"] = {"timestamp_zone": proposal.timestamp_zone}
    sections["outbox"] = _section(proposal, config)
    return sections


def configured(proposal: Proposal, config: Config) -> Config:
    """The configuration with that proposal in place of its own mapping."""
    section = document(proposal, config)["outbox"]
    settings: dict[str, Any] = _tuples(section)
    zone = Zone(proposal.timestamp_zone) if proposal.timestamp_zone else config.database.timestamp_zone
    return replace(
        config,
        application=None,
        database=replace(config.database, timestamp_zone=zone),
        outbox=OutboxSettings(**settings),
    )


def _section(proposal: Proposal, config: Config) -> dict[str, Any]:
    """A profile and what differs from it, or every key."""
    mapping = proposal.mapping or OutboxMapping(proposal.relation.name)
    base = _base(proposal.profile)
    # The default table is found by database.schema, as are tables of a mapping without a schema of its own.
    if not base.schema and mapping.schema == config.database.schema:
        mapping = replace(mapping, schema="")
    given: dict[str, Any] = {"profile": proposal.profile} if proposal.profile else {}
    given |= {key: value for key, value in _values(mapping).items() if value != getattr(base, key)}
    return {key: list(value) if isinstance(value, tuple) else value for key, value in given.items()}


def _tuples(section: Mapping[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in section.items()}


def _base(profile: str) -> OutboxMapping:
    if not profile:
        return OutboxMapping("")
    return DEFAULT if profile == "default" else profiles.load(profile).mapping


def _values(mapping: OutboxMapping) -> Mapping[str, Any]:
    names = [each.name for each in fields(OutboxMapping)]
    # As people think of it: where, then what.
    names.sort(key=lambda name: name not in {"schema", "table"})
    return {name: getattr(mapping, name) for name in names}


def problem(proposal: Proposal, config: Config) -> str:
    """Why the section is not accepted; empty when it is."""
    section = document(proposal, config)["outbox"]
    for key, value in section.items():
        try:
            if isinstance(value, str):
                values.read(value, KEYS[f"outbox.{key}"].hint, Path())
        except ValueError as error:
            return f"{key}: {error}"
    try:
        resolve(section.pop("profile", None), _tuples(section))
    except MappingProblem as error:
        return f"{error.key}: {error}"
    return ""
