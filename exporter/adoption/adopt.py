"""`adopt`: from a database to a mapping that is proved, or to what has to be decided."""

from dataclasses import dataclass, field, replace

from exporter.adoption import catalogue, configuration, decide, evidence, proof, role_script
from exporter.adoption.proof import Proof
from exporter.adoption.proposal import Proposal
from exporter.adoption.recognise import Choice, candidates
from exporter.adoption.shape import Shape
from exporter.config.settings import Config, DatabaseSettings
from exporter.core.exit_status import ExitStatus
from exporter.database import DatabaseClient, relations


@dataclass(frozen=True, slots=True)
class Adoption:
    """What was found. `proposals` are the candidates; the only one that is complete has a `proof`.

    `others` are names of tables that may be meant instead. `role` and `remove_role` are scripts; without a complete
    mapping they are empty. `choice` is what people had chosen.
    """

    target: str
    proposals: tuple[Proposal, ...] = ()
    others: tuple[str, ...] = ()
    proof: Proof | None = None
    role: str = ""
    remove_role: str = ""
    choice: Choice = field(default_factory=Choice)

    @property
    def chosen(self) -> Proposal | None:
        """The proposal, if there is exactly one."""
        return self.proposals[0] if len(self.proposals) == 1 else None

    @property
    def missing(self) -> tuple[str, ...]:
        """What keeps the proposal from being proved."""
        chosen = self.chosen
        if chosen is None:
            return ()
        failures = self.proof.failures if self.proof else ()
        return (*chosen.undecided, *failures)

    @property
    def status(self) -> ExitStatus:
        """GOOD when one outbox was recognised and everything proved, UNKNOWN when none was recognised."""
        if not self.proposals:
            return ExitStatus.UNKNOWN
        chosen = self.chosen
        is_proved = chosen is not None and not self.missing and not chosen.assumed
        return ExitStatus.GOOD if is_proved else ExitStatus.BAD


def adopt(config: Config, choice: Choice) -> Adoption:
    """Look at the configured database, read-only. Raises: SampleError when it does not answer."""
    settings = replace(config.database, schema="public")
    client = DatabaseClient(settings)
    client.open()
    try:
        with client.sample() as session:
            tables = catalogue.read(session)
        target = client.target
    finally:
        client.close()
    zone = str(config.database.timestamp_zone or "")
    found = candidates(tables, choice, zone)
    if len(found.of_libraries) + len(found.by_shape) > 1:
        proposals = (*found.of_libraries, *map(decide.candidate, found.by_shape))
        return Adoption(target, proposals, found.others, choice=choice)
    proposals = (*found.of_libraries, *(_propose(settings, shape, choice, zone) for shape in found.by_shape))
    result = Adoption(target, proposals, found.others, choice=choice)
    return _proved(result, config, tables) if result.chosen and result.chosen.is_complete else result


def _propose(settings: DatabaseSettings, shape: Shape, choice: Choice, timestamp_zone: str) -> Proposal:
    if shape.refusal:
        return decide.candidate(shape)
    found = evidence.gather(settings, shape.relation, decide.question(shape), decide.numbers(shape))
    return decide.propose(shape, found, timestamp_zone, is_chosen=bool(choice.table))


def _proved(result: Adoption, config: Config, tables: tuple[catalogue.Relation, ...]) -> Adoption:
    (proposal,) = result.proposals
    if wrong := configuration.problem(proposal, config):
        return replace(result, proposals=(replace(proposal, undecided=(wrong,)),))
    configured = configuration.configured(proposal, config)
    mapping = configured.outbox.mapping()
    schema = proposal.relation.schema
    secured = {table.name for table in tables if table.schema == schema and table.row_security}
    granted = role_script.granted_tables(mapping, secured & set(relations.watched_tables(mapping)))
    is_default = proposal.profile == "default"
    return replace(
        result,
        proof=proof.prove(configured),
        role=role_script.monitoring_role(schema, granted, is_default=is_default),
        remove_role=role_script.remove_monitoring_role(schema, granted, is_default=is_default),
    )
