"""Follows the causes of an alert to the first that holds."""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module

from alerts.diagnosis import runbook_step
from alerts.diagnosis.model import Cause, Diagnosis, Evidence
from alerts.diagnosis.sources import Sources
from alerts.diagnosis.tree import Tree
from alerts.policy.outbox_section import EXHAUSTED, terms_of
from exporter.core.logs import event, hide
from exporter.outbox.mapping import DEFAULT

logger = logging.getLogger(__name__)

Question = Callable[[Sources], Evidence]


def diagnose(sources: Sources, tree: Tree) -> Diagnosis:
    """The first cause that holds, with the evidence. Each question is asked once at most, and only if it is needed."""
    inquiry = _Inquiry(sources)
    cause = next((_named(each, sources) for each in tree.causes(sources.alert) if inquiry.holds(each)), None)
    for name in cause.shows if cause else ():
        inquiry.evidence(name)
    actions = _actions(cause, sources) if cause else ""
    evidence = tuple(inquiry.asked.items())
    return Diagnosis(sources.alert, time.time(), sources.firing_since, cause, evidence, actions, sources.library)


def _named(cause: Cause, sources: Sources) -> Cause:
    """The cause in the words of the outbox: what takes jobs is its worker, where these are not the default tables."""
    if sources.mapping == DEFAULT:
        return cause
    return replace(cause, title=cause.title.replace("processor", "worker"))


def _actions(cause: Cause, sources: Sources) -> str:
    """The text of the cause's step; of another outbox than the default tables, also how to read it."""
    text = runbook_step.text_of(cause.step)
    if sources.mapping == DEFAULT:
        return text
    is_exhausting = sources.mapping.has_exhausted and any(name == "failing" for name, _ in cause.when)
    return "\n".join((*([EXHAUSTED] if is_exhausting else []), terms_of(sources.mapping.table), text))


def question(name: str) -> Question:
    """A question by its name: it is imported when it is asked."""
    asked: Question = import_module(f"alerts.diagnosis.questions.{name}").ask
    return asked


class _Inquiry:
    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self.asked: dict[str, Evidence] = {}

    def holds(self, cause: Cause) -> bool:
        """Whether all conditions hold; an unknown one does not."""
        return all(self.evidence(name).answer in answers for name, answers in cause.when)

    def evidence(self, name: str) -> Evidence:
        """The answer to a question."""
        if name not in self.asked:
            self.asked[name] = self._ask(name)
        return self.asked[name]

    def _ask(self, name: str) -> Evidence:
        if self._sources.is_over:
            return Evidence(None, "no time was left to ask")
        try:
            found = question(name)(self._sources)
        except Exception as error:  # noqa: BLE001 - a bug in one question must not hide the answers of the others
            event(logger, logging.ERROR, "question failed", question=name, exc_info=error)
            return Evidence(None, f"internal error ({type(error).__name__}); the log has more")
        return Evidence(found.answer, hide(found.text), hide(found.remedy))
