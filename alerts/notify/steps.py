"""What to tell a receiver next. Pure.

A receiver of events hears each step once, those of one alert in order. A receiver of states hears all of them again
and again: it forgets what it does not hear.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from alerts.model import Labels, Severity
from alerts.notify.episodes import Episode, Episodes, Told


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to tell of an episode: FIRING or RESOLVED."""

    episode: Episode
    tells: Told

    @property
    def status(self) -> str:
        """As Alertmanager calls it: `firing` or `resolved`."""
        return self.tells.value

    @property
    def is_news(self) -> bool:
        """Whether the receiver does not know it yet."""
        return self.episode.told is not self.tells


Steps = tuple[Step, ...]


def untold(episodes: Episodes) -> Steps:
    """All that a receiver of events has not heard yet, those of one alert in order."""
    steps = []
    for episode in episodes:
        if episode.told is Told.NOTHING:
            steps.append(Step(episode, Told.FIRING))
        if not episode.lasts and episode.told in (Told.NOTHING, Told.FIRING):
            steps.append(Step(episode, Told.RESOLVED))
    return tuple(steps)


def next_step(episodes: Episodes, failures: Mapping[Labels, int]) -> Step | None:
    """What a receiver of events is to hear next, the first untold step of some alert.

    `failures` counts for each alert how often its next step has failed: an event that a receiver chokes on goes to
    the end of the queue and holds up nobody else's. Among equals pages go first, then the oldest.
    """
    first: dict[Labels, Step] = {}
    for step in untold(episodes):
        first.setdefault(step.episode.labels, step)

    def rank(step: Step) -> tuple[int, bool]:
        return failures.get(step.episode.labels, 0), step.episode.severity != Severity.PAGE

    return min(first.values(), key=rank, default=None)


def state(episodes: Episodes) -> Steps:
    """Everything that a receiver of states is to know."""
    return tuple(Step(each, Told.FIRING if each.lasts else Told.RESOLVED) for each in episodes)


def news(episodes: Episodes) -> Steps:
    """The part of `state` that it does not know yet."""
    return tuple(step for step in state(episodes) if step.is_news)
