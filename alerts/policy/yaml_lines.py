"""Lines of YAML for the rule files, with comments, which PyYAML does not write."""

import textwrap
from collections.abc import Iterator
from typing import Final

from alerts.model import Policy

HEADER: Final = """\
# Written by `outbox-exporter rules` from the policy (alerts/policy.yaml), which says where each threshold comes from.
# Don't edit it: thresholds are changed in the configuration of the exporter (alerting.thresholds), then written anew.
"""

_WIDTH = 110


def header(policy: Policy) -> str:
    """The first lines of a file: what wrote it, and what it leaves out."""
    lines = (
        line
        for reason, names in policy.left_out_by_reason.items()
        for line in comment(f"Left out: {', '.join(names)}. Reason: {reason}.", 0)
    )
    return HEADER + "".join(f"{line}\n" for line in lines)


def comment(text: str, indent: int) -> Iterator[str]:
    """The text as a comment; `indent` is a number of blanks."""
    return (f"{' ' * indent}# {line}" for line in textwrap.wrap(text, _WIDTH))


def folded(key: str, text: str, indent: int) -> Iterator[str]:
    """A folded YAML text, which parses to the original text."""
    blanks = " " * indent
    yield f"{blanks}{key}: >-"
    for line in textwrap.wrap(text, _WIDTH - indent, break_long_words=False, break_on_hyphens=False):
        yield f"{blanks}  {line}"
