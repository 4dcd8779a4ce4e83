"""A form of an experiment's page while somebody fills it in."""

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from starlette.datastructures import FormData

from launcher.errors import LauncherError
from launcher.experiments import Experiment
from launcher.experiments.filling import Filling
from launcher.forms import Parsed, Problem, SchemaForm
from launcher.links import passwords
from launcher.links.query import link_query, parse
from launcher.links.share import Shared
from launcher.schemas import pointer_to
from launcher.web import opening
from launcher.web.environment_choice import fields_of
from launcher.web.words import for_people

Pairs = list[tuple[str, str]]
BASE, PLACE = "/parameters", "/notebook"
TITLES = {
    "directory": "Folder",
    "filename": "File name",
    "if_exists": "If the file exists",
    "workspace": "Workspace",
    "server": "Server",
    "entrypoint": "Environment",
    "system": "System",
    "environment": "Environment",
}
# one field of the page has both
ENVIRONMENT = f"{PLACE}/environment"
OF_ENVIRONMENT = (f"{PLACE}/entrypoint", f"{PLACE}/system")


@dataclass
class Draft:
    """A form as it is being filled in."""

    experiment: Experiment
    pairs: Pairs
    notebook: dict[str, str]
    problems: list[Problem] = field(default_factory=list)
    preview: str = ""
    """The query of the link to the preview."""
    is_previewed: bool = False
    note: str = ""
    """What has to be known about the preview."""
    shared: Shared | None = None
    message: str = ""
    """What else went wrong, or has to be known."""

    @functools.cached_property
    def form(self) -> SchemaForm:
        """The form of the parameters."""
        return SchemaForm(self.experiment.schema, BASE, "Parameters")

    def add_errors(self, errors: Iterable[Mapping[str, str]], parsed: Parsed | None = None) -> None:
        """Add errors with JSON pointers, each to its field."""
        found = parsed or self.form.parse(self.pairs)
        of_parameters = [error for error in errors if error["pointer"].startswith(BASE)]
        self.problems += self.form.problems(self.pairs, found, of_parameters)
        for error in errors:
            pointer = error["pointer"]
            if pointer.startswith(f"{PLACE}/"):
                title = TITLES.get(pointer.removeprefix(f"{PLACE}/"), "")
                name = ENVIRONMENT if pointer in OF_ENVIRONMENT else pointer
                self.problems.append(Problem(name, title, error["detail"]))
            elif not pointer.startswith(BASE):
                self.problems.append(Problem("", "", error["detail"]))

    def add_environment_error(self, error: LauncherError) -> None:
        """Add why no server can start in the chosen environment, at its field."""
        if error.errors:
            self.add_errors(error.errors)
        elif error.status < 500:
            sentence = for_people(error.detail).removesuffix(".")
            self.problems.append(Problem(ENVIRONMENT, "", sentence))
        else:
            self.message = for_people(error.detail)

    @property
    def wrong(self) -> list[Problem]:
        """The problems of what is filled in."""
        return [problem for problem in self.problems if not problem.is_gap]

    def forget_passwords(self) -> bool:
        """Empty the passwords; whether there were any.

        If there can be some, what is no value is emptied, too: it may contain one.
        """
        schema = self.experiment.schema
        if not passwords.are_possible(schema):
            return False
        parsed = self.form.parse(self.pairs)
        found = list(passwords.paths(schema, parsed.value))
        names = {parsed.name_of(pointer_to(BASE, *path)) for path in found}
        names |= {error["pointer"] for error in parsed.errors}
        self.pairs = self.form.without(self.pairs, names)
        return bool(found)

    def link_query(self) -> str:
        """The query of the link that shows this form; passwords are left out."""
        self.forget_passwords()
        parsed = self.form.parse(self.pairs)
        given = dict(self.pairs)
        wrong = [error["pointer"] for error in parsed.errors]
        # rows of names and values have names that are no pointers
        texts = {name: given[name] for name in wrong if name in given and "~#" not in name}
        usual = opening.notebook_defaults(self.experiment.name)
        chosen = {name: value for name, value in self.notebook.items() if value != usual[name]}
        return link_query(self.experiment.schema, parsed.value, chosen, texts)


def from_link(filling: Filling, experiment: Experiment, pairs: Sequence[tuple[str, str]]) -> Draft:
    """The form as a link fills it in, with what is wrong in the link."""
    values = parse(experiment.schema, pairs)
    checked = opening.from_link(filling, experiment, pairs)
    draft = Draft(experiment, [], checked.fields)
    draft.pairs = draft.form.fill(values.parameters, values.texts)
    parsed = draft.form.parse(draft.pairs)
    draft.add_errors(checked.errors, Parsed({}, (), parsed.names, parsed.chosen))
    # a link names what it fills in; what is still empty is no mistake yet
    draft.problems = draft.wrong
    return draft


def submitted(experiment: Experiment, sent: FormData) -> Draft:
    """The form as somebody sent it."""
    texts = [(name, str(value)) for name, value in sent.multi_items()]
    pairs = [pair for pair in texts if pair[0].partition(":")[2].startswith(BASE) or
             pair[0].startswith(BASE)]  # fmt: skip
    given = dict(texts)
    notebook = {
        name: given.get(f"{PLACE}/{name}", default)
        for name, default in opening.notebook_defaults(experiment.name).items()
    }
    if (value := given.get(ENVIRONMENT)) is not None:
        notebook |= fields_of(value)
    return Draft(experiment, pairs, notebook)
