"""What a receiver is to hear: one episode for each time that an alert fires, from its beginning to its end.

Pure: every function takes episodes and gives new ones. They stand in the order in which they began, so that those of
one alert are told in order. Times are Unix seconds.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from alerts.model import Alert, Change, Evaluation, Labels

Episodes = tuple["Episode", ...]


class Told(StrEnum):
    """The last thing that a receiver has heard of an episode."""

    NOTHING = "nothing"
    FIRING = "firing"
    RESOLVED = "resolved"
    REFUSED = "refused"  # it does not want to hear of it


@dataclass(frozen=True, slots=True)
class Episode:
    """One firing of the alert with these labels; `ends_at` is None while it lasts.

    `annotations` are those of the last evaluation in which it fired, `absent_since` is the time of the first in which
    it was neither firing nor pending, although nobody said that it was resolved. Neither makes an episode another.
    """

    labels: Labels
    starts_at: float
    ends_at: float | None = None
    told: Told = Told.NOTHING
    annotations: Mapping[str, str] = field(default_factory=dict, compare=False)
    absent_since: float | None = field(default=None, compare=False)

    @property
    def key(self) -> tuple[Labels, float]:
        """Names it among those of one receiver."""
        return self.labels, self.starts_at

    @property
    def severity(self) -> str:
        """The label of that name."""
        return dict(self.labels).get("severity", "")

    @property
    def alert(self) -> str:
        """The name of the alert."""
        return dict(self.labels).get("alertname", "")

    @property
    def lasts(self) -> bool:
        """True until it is resolved."""
        return self.ends_at is None


def observed(episodes: Episodes, evaluation: Evaluation, wanted: Callable[[Alert], bool], patience: float) -> Episodes:
    """The episodes after this evaluation: some go on, some end, some begin.

    A muted alert begins none; one that is muted later goes on. An episode ends when its alert is resolved. One whose
    alert is not there at all, because the rules were read anew or the exporter was restarted, ends when that has
    lasted for `patience` seconds: until then it may turn up again, and nobody is told twice.
    """
    resolved = {each.alert.labels: each.at for each in evaluation.transitions if each.change is Change.RESOLVED}
    active = {alert.labels: alert for alert in evaluation.alerts}
    firing = {alert.labels: alert for alert in evaluation.firing}
    kept = []
    for episode in episodes:
        if not episode.lasts:
            kept.append(episode)
        elif episode.labels in resolved:
            kept.append(ended(episode, resolved[episode.labels]))
        elif episode.labels in firing:
            kept.append(replace(episode, annotations=firing[episode.labels].annotations, absent_since=None))
        elif episode.labels in active:
            kept.append(replace(episode, absent_since=None))
        else:
            kept.append(_absent(episode, evaluation.at, patience))
    return (*kept, *_begun(kept, evaluation, wanted))


def ended(episode: Episode, at: float) -> Episode:
    """The episode, over. A clock set back must not make it end before it began: receivers refuse that."""
    return replace(episode, ends_at=max(at, episode.starts_at))


def told(episodes: Episodes, heard: Mapping[tuple[Labels, float], Told]) -> Episodes:
    """The episodes after a receiver has heard this of some of them, by key."""
    return tuple(replace(each, told=heard[each.key]) if each.key in heard else each for each in episodes)


def remembered(episodes: Episodes, at: float, retention: float) -> Episodes:
    """Without those that are over and need not be told any more, `retention` seconds after their end."""
    return tuple(each for each in episodes if each.ends_at is None or not _done(each, at - retention))


def latest(episodes: Episodes) -> Episodes:
    """The last episode of each alert: for a receiver that knows states and not their history."""
    return tuple({each.labels: each for each in episodes}.values())


def fitted(episodes: Episodes, capacity: int, busy: Iterable[tuple[Labels, float]]) -> tuple[Episodes, Episodes]:
    """At most `capacity` episodes, and those that somebody should have heard of: nothing may grow for ever.

    The first to go are those that are over and told; then those that are over before anybody heard of them, the oldest
    first; then those that begin. What a receiver knows to be firing never goes, or it would not learn the end. Neither
    does what it hears just now.
    """
    excess = len(episodes) - capacity
    if excess <= 0:
        return episodes, ()
    heard_now = set(busy)
    idle = [each for each in episodes if each.key not in heard_now]
    done = [each for each in idle if not each.lasts and each.told in (Told.RESOLVED, Told.REFUSED)]
    over = [each for each in idle if not each.lasts and each.told is Told.NOTHING]
    newest_first = [each for each in reversed(idle) if each.lasts and each.told is Told.NOTHING]
    gone = {each.key: each for each in (done + over + newest_first)[:excess]}
    kept = tuple(each for each in episodes if each.key not in gone)
    return kept, tuple(each for each in gone.values() if each.told is Told.NOTHING)


def _absent(episode: Episode, at: float, patience: float) -> Episode:
    since = at if episode.absent_since is None else episode.absent_since
    return ended(episode, at) if at - since >= patience else replace(episode, absent_since=since)


def _begun(known: list[Episode], evaluation: Evaluation, wanted: Callable[[Alert], bool]) -> list[Episode]:
    going_on = {each.labels for each in known if each.lasts}
    # Not before the end of the last one, whatever the clock says: an alert's episodes do not overlap.
    ends = {each.labels: each.ends_at for each in known if each.ends_at is not None}
    begun = []
    for alert in evaluation.firing:
        if alert.labels in going_on or alert.muted or not wanted(alert):
            continue
        since = evaluation.at if alert.firing_since is None else alert.firing_since
        starts_at = max(since, ends.get(alert.labels, since))
        begun.append(Episode(alert.labels, starts_at, annotations=alert.annotations))
    return begun


def _done(episode: Episode, by: float) -> bool:
    heard = episode.told in (Told.RESOLVED, Told.REFUSED)
    return heard and episode.ends_at is not None and episode.ends_at <= by
