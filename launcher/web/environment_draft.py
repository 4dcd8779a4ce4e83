"""The form of an environment while somebody fills it in."""

import functools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import FormData

from launcher.entrypoints import checks
from launcher.entrypoints.model import Entrypoint, EntrypointType
from launcher.errors import BadRequest, EntrypointExists, LauncherError
from launcher.forms import Parsed, Problem, SchemaForm
from launcher.links import passwords
from launcher.web.words import for_people

DATA, NAME, SYSTEMS = "/data", "/name", "/systems"
TITLES = {NAME: "Name", SYSTEMS: "Systems"}


@dataclass
class EntrypointDraft:
    """An entrypoint as it is being filled in."""

    kind: EntrypointType
    before: Entrypoint | None
    """The one that is edited; None for a new one."""
    name: str
    pairs: list[tuple[str, str]]
    """The fields of its data."""
    systems: list[str]
    problems: list[Problem] = field(default_factory=list)
    message: str = ""
    report: Mapping[str, Any] | None = None
    """What was found on each host, if that is why it was refused."""

    @functools.cached_property
    def form(self) -> SchemaForm:
        """The form of the data."""
        return SchemaForm(self.kind.schema, DATA, self.kind.display_name)

    def check(self, parsed: Parsed) -> bool:
        """Whether it is valid; adds all that is wrong: the registry would say the first error."""
        errors: list[dict[str, str]] = []
        if not self.name:
            errors.append({"pointer": NAME, "detail": "has to be filled in"})
        if not self.systems:
            errors.append({"pointer": SYSTEMS, "detail": "need at least one choice"})
        for check in (
            lambda: self.name and checks.parse_name(self.name),
            lambda: checks.parse_data(self.kind, parsed.value),
        ):
            try:
                check()
            except BadRequest as error:
                errors += error.errors
        if errors or parsed.errors:
            self._add_errors(errors, parsed)
        return not self.problems

    def explain(self, error: LauncherError, parsed: Parsed) -> None:
        """Add why the registry refused it, at its field if there is one."""
        self.report = error.members.get("report")
        if isinstance(error, EntrypointExists):
            sentence = "is in use: you have another environment with this name"
            self.problems.append(Problem(NAME, TITLES[NAME], sentence))
        elif error.errors:
            self._add_errors(error.errors, parsed)
        else:
            self.message = for_people(error.detail)

    def _add_errors(self, errors: Iterable[Mapping[str, str]], parsed: Parsed) -> None:
        """Add errors with JSON pointers, in the order of the fields."""
        of_data = [error for error in errors if error["pointer"].startswith(DATA)]
        others = {
            error["pointer"]: Problem(error["pointer"], TITLES[error["pointer"]], error["detail"])
            for error in errors
            if error["pointer"] in TITLES
        }
        self.problems += [others[NAME]] if NAME in others else []
        self.problems += self.form.problems(self.pairs, parsed, of_data)
        self.problems += [others[SYSTEMS]] if SYSTEMS in others else []

    def forget_passwords(self) -> None:
        """Empty the data if a password may be among them."""
        if passwords.are_possible(self.kind.schema):
            self.pairs = []


def submitted(kind: EntrypointType, before: Entrypoint | None, sent: FormData) -> EntrypointDraft:
    """The form as somebody sent it."""
    texts = [(name, str(value)) for name, value in sent.multi_items()]
    pairs = [
        (name, text)
        for name, text in texts
        if name.startswith(DATA) or name.partition(":")[2].startswith(DATA)
    ]
    systems = [text for name, text in texts if name == SYSTEMS]
    return EntrypointDraft(kind, before, dict(texts).get(NAME, ""), pairs, systems)
