"""What `adopt` prints: a configuration with what was found in its comments, or JSON."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

import yaml

from exporter.adoption import configuration
from exporter.adoption.adopt import Adoption
from exporter.adoption.proposal import Proposal
from exporter.config.settings import Config
from exporter.core.exit_status import ExitStatus
from exporter.core.humanize import json_safe

_NOTHING = "no outbox was recognised: no profile fits, and no table has the shape of one; --table NAME names it"
_VERDICTS = {
    ExitStatus.GOOD: "recognised and proved",
    ExitStatus.BAD: "recognised, but not everything is proved",
    ExitStatus.UNKNOWN: "nothing was recognised",
}


def as_yaml(found: Adoption, config: Config) -> str:
    """A configuration of which everything but the mapping is a comment. Without a mapping all of it is."""
    chosen = found.chosen
    lines = list(_heading(found))
    if chosen:
        lines += _findings(found, chosen)
        text = yaml.safe_dump(
            configuration.document(chosen, config),
            sort_keys=False,
            allow_unicode=True,
            default_flow_style=None,
            width=110,
        )
        if found.proof:
            lines += ["", *text.splitlines()]
        elif chosen.mapping:
            lines += ["#", "# A draft, to be completed:", *(f"#   {line}" for line in text.splitlines())]
    elif found.proposals:
        lines += _choices(found)
    if found.others:
        lines += [*_comment("also looked at, and not taken", (f"{name} (--table {name})" for name in found.others))]
    return "".join(f"{line}\n".replace(" \n", "\n") for line in lines)


def as_json(found: Adoption, config: Config) -> str:
    """The same for programs."""
    signals = (
        {each.name: {"value": each.value, "text": each.text} for each in found.proof.signals} if found.proof else {}
    )
    chosen = found.chosen
    document: dict[str, Any] = {
        "verdict": _VERDICTS[found.status],
        "database": found.target,
        "candidates": [_candidate(each, config) for each in found.proposals],
        "others": list(found.others),
        "missing": list(found.missing),
        "configuration": configuration.document(chosen, config) if chosen and found.proof else None,
        "signals": signals,
        "notes": list(found.proof.notes) if found.proof else [],
        "role": found.role or None,
        "remove_role": found.remove_role or None,
    }
    return json.dumps(json_safe(document), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _heading(found: Adoption) -> Iterator[str]:
    yield f"# {found.target}: {_VERDICTS[found.status]}"
    if not found.proposals:
        chosen = found.choice.options
        yield f"# no outbox was recognised that fits{chosen}" if chosen else f"# {_NOTHING}"


def _findings(found: Adoption, chosen: Proposal) -> Iterator[str]:
    yield f"# {chosen.relation.full_name}: {chosen.title}"
    yield from _comment("proved", (*chosen.proved, *(["one sample of every collector"] if _is_sampled(found) else [])))
    yield from _comment("not provable, and taken for granted", chosen.assumed)
    yield from _comment("missing", found.missing)
    if found.proof:
        yield from _comment("now", (f"{each.name}: {each.text}" for each in found.proof.signals))
        yield from _comment("notes", found.proof.notes)
        command = f"outbox-exporter adopt{found.choice.options} --format role | psql"
        yield f"# The role that may read this and no more: {command}"


def _is_sampled(found: Adoption) -> bool:
    return found.proof is not None and not found.proof.failures


def _choices(found: Adoption) -> Iterator[str]:
    """Several candidates: which one is meant has to be said."""
    yield "# Several tables may be meant. Choose one:"
    for each in found.proposals:
        is_alone = each.profile and sum(other.profile == each.profile for other in found.proposals) == 1
        option = f"--profile {each.profile}" if is_alone else f"--table {each.relation.full_name}"
        yield f"#   {option}: {each.relation.full_name}, {each.title}"
        yield from (f"#     missing: {_line(problem)}" for problem in each.undecided)


def _comment(title: str, entries: Iterable[str]) -> Iterator[str]:
    listed = [f"#   {_line(entry)}" for entry in entries]
    if listed:
        yield f"# {title}:"
        yield from listed


def _line(text: str) -> str:
    return " ".join(text.split())


def _candidate(proposal: Proposal, config: Config) -> dict[str, Any]:
    return {
        "table": proposal.relation.full_name,
        "profile": proposal.profile or None,
        "title": proposal.title,
        "draft": configuration.document(proposal, config) if proposal.mapping else None,
        "proved": list(proposal.proved),
        "assumed": list(proposal.assumed),
        "undecided": list(proposal.undecided),
        "key": list(proposal.relation.key),
    }
