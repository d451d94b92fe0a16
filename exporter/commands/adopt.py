"""`adopt`: recognises the outbox of a database, proposes its mapping, and proves it."""

import argparse
import sys

from exporter.adoption import rendering
from exporter.adoption.adopt import Adoption
from exporter.adoption.adopt import adopt as look
from exporter.adoption.recognise import Choice
from exporter.commands.database_configuration import load
from exporter.core import output
from exporter.core.errors import ConfigError, SampleError
from exporter.core.exit_status import ExitStatus
from exporter.core.logs import hide
from exporter.core.problems import nearest
from exporter.outbox import profiles


def adopt(options: argparse.Namespace) -> ExitStatus:
    """GOOD when one outbox was recognised and everything about it proved. Raises: ConfigError."""
    config = load(options)
    known = ("default", *profiles.names())
    if options.profile and options.profile not in known:
        raise ConfigError((f"unknown profile {options.profile}{nearest(options.profile, known)}; {', '.join(known)}",))
    try:
        found = look(config, Choice(options.profile or "", options.table or ""))
    except SampleError as error:
        print(hide(f"{error.reason}: {error}; nothing was proved"), file=sys.stderr)
        return ExitStatus.UNKNOWN
    if options.format in {"role", "remove-role"}:
        return _script(found, found.role if options.format == "role" else found.remove_role)
    output.write(rendering.as_json(found, config) if options.format == "json" else rendering.as_yaml(found, config))
    return found.status


def _script(found: Adoption, script: str) -> ExitStatus:
    """The script alone: what the role still lacks is no failure, as running the script grants it."""
    if not script:
        print("there is no mapping to make a script for; --format yaml says why", file=sys.stderr)
        return found.status
    output.write(script)
    return ExitStatus.GOOD
