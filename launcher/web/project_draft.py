"""The form of a project while somebody fills it in."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from starlette.datastructures import FormData

from launcher import urls
from launcher.errors import LauncherError, NotFound
from launcher.forms import Problem
from launcher.links.query import MAX_QUERY
from launcher.projects import refs
from launcher.projects.hosts import GitHosts
from launcher.projects.model import Repository
from launcher.projects.options import ServerOptions
from launcher.projects.repositories import parse_url
from launcher.web import project_options
from launcher.web.environment_choice import fields_of, value_of
from launcher.web.project_options import Options
from launcher.web.words import for_people

REPOSITORY, REF, FOLLOW, NOTEBOOK = "/repository", "/ref", "/follow", "/notebook"
ENVIRONMENT = "/environment"
BRANCH = "branch"
TITLES = {
    REPOSITORY: "Repository",
    REF: "Branch, tag or commit",
    FOLLOW: "What is opened",
    NOTEBOOK: "File to open",
    ENVIRONMENT: "Environment",
}
# names in the query of a link, and the fields that they fill in
LINK = {
    "repo": "repository",
    "ref": "ref",
    "follow": "follow",
    "notebook": "notebook",
    "entrypoint": "entrypoint",
    "system": "system",
}
OPTION = "option."
_FIELD_OF = {
    "/url": REPOSITORY,
    "/namespace": REPOSITORY,
    "/project": REPOSITORY,
    "/branch": REF,
    "/commit_sha": REF,
    "/entrypoint": ENVIRONMENT,
    "/system": ENVIRONMENT,
    "/notebook/entrypoint": ENVIRONMENT,
    "/notebook/system": ENVIRONMENT,
}
_PATH = re.compile(r"[^/:@\s]+(?:/[^/:@\s]+)+/?")


@dataclass
class ProjectDraft:
    """A form as it is being filled in."""

    offered: Options
    """The options of servers that the user may choose from."""
    fields: dict[str, str] = field(default_factory=lambda: dict.fromkeys(LINK.values(), ""))
    texts: dict[str, str] = field(default_factory=dict)
    """Those of the options' fields."""
    problems: list[Problem] = field(default_factory=list)
    message: str = ""
    """What else went wrong, or has to be known."""
    needs_token: bool = False
    """Whether an access token of the user may help."""
    is_other: bool = False
    """Whether the server runs with other options, so that the user has to choose."""

    @property
    def body(self) -> dict[str, Any]:
        """What is filled in, as the body of `POST /servers`; without the options."""
        return {name: text.strip() for name, text in self.fields.items() if text.strip()}

    def check(self, hosts: GitHosts, options: ServerOptions, groups: frozenset[str]) -> None:
        """Add what can be seen to be wrong without asking the git host; an empty field is not."""
        body = self.body
        values = project_options.read(self.offered, self.texts)
        if body.get("follow", BRANCH) != BRANCH:
            self.add(FOLLOW, "must be one of the choices")
        for parse in (
            lambda: "repository" in body and repository(hosts, body["repository"]),
            lambda: refs.parse(body.get("ref", refs.HEAD), REF),
            lambda: "notebook" in body and urls.parse_project_path(body["notebook"], NOTEBOOK),
            lambda: options.choose(values, groups),
        ):
            try:
                parse()
            except LauncherError as error:
                self.explain(error)

    def asked(self, hosts: GitHosts) -> dict[str, Any]:
        """The body of `POST /servers`, for a form that was checked."""
        body = self.body
        url = repository_url(hosts, body["repository"])
        values = project_options.read(self.offered, self.texts)
        return {**body, "repository": url, "serverOptions": values}

    def add(self, name: str, sentence: str) -> None:
        """Add an error at a field, as the end of a sentence."""
        self.problems.append(Problem(name, self._title(name), sentence))

    def explain(self, error: LauncherError) -> None:
        """Add an error, at its field if it has one."""
        if error.errors:
            for each in error.errors:
                name = _FIELD_OF.get(each["pointer"], each["pointer"])
                self.problems.append(Problem(name, self._title(name), each["detail"]))
        elif error.status in (403, 404):
            name, sentence = self._field_of(error), for_people(error.detail).removesuffix(".")
            self.problems.append(Problem(name, "", sentence))
            self.needs_token = name == REPOSITORY
        else:
            self.message = for_people(error.detail)

    def add_environment_error(self, error: LauncherError) -> None:
        """Add why no server can start in the chosen environment, at its field."""
        if error.errors or error.status >= 500:
            self.explain(error)
        else:
            sentence = for_people(error.detail).removesuffix(".")
            self.problems.append(Problem(ENVIRONMENT, "", sentence))

    def _field_of(self, error: LauncherError) -> str:
        """The field of an error of a git host: what is not there is the project or the name."""
        is_about_project = "project does not exist" in error.detail
        has_ref = self.fields["ref"].strip()
        return (
            REF if isinstance(error, NotFound) and has_ref and not is_about_project else REPOSITORY
        )

    def _title(self, name: str) -> str:
        if name.startswith(f"{project_options.BASE}/"):
            option = name.removeprefix(f"{project_options.BASE}/")
            return project_options.title_of(self.offered, option)
        return TITLES.get(name, "")

    def errors(self, name: str) -> list[str]:
        """The whole sentences at a field, without the full stop."""
        return [problem.text for problem in self.problems if problem.name == name]

    def pairs(self) -> list[tuple[str, str]]:
        """The names and values of the form's fields."""
        named = [f"/{name}" for name in ("repository", "ref", "follow", "notebook")]
        pairs = [(name, self.fields[name[1:]]) for name in named]
        pairs.append((ENVIRONMENT, value_of(self.fields)))
        options = [(project_options.pointer(name), text) for name, text in self.texts.items()]
        flags = {name for name, option in self.offered.items() if option["type"] == "boolean"}
        unchecked = [(project_options.pointer(name), "false") for name in flags]
        return pairs + [pair for pair in options if pair not in unchecked]

    def link_query(self) -> str:
        """The query of the link that shows this form."""
        pairs = [(name, self.fields[field].strip()) for name, field in LINK.items()]
        usual = project_options.defaults(self.offered)
        pairs += [
            (OPTION + name, text.strip())
            for name, text in self.texts.items()
            if text.strip() != usual.get(name, "")
        ]
        return urlencode([pair for pair in pairs if pair[1]], safe="/:")


def empty(offered: Options) -> ProjectDraft:
    """The form before anything is filled in."""
    return ProjectDraft(offered, texts=project_options.defaults(offered))


def from_link(offered: Options, pairs: Sequence[tuple[str, str]]) -> ProjectDraft:
    """The form as a link fills it in, with what is wrong in the link; nothing is dropped."""
    draft = empty(offered)
    if sum(len(name) + len(value) + 2 for name, value in pairs) > MAX_QUERY:
        draft.add("", f"This link has more than {MAX_QUERY:,} characters, so nothing is filled in")
        return draft
    seen: set[str] = set()
    for name, text in pairs:
        option = name.removeprefix(OPTION)
        is_option = name.startswith(OPTION) and option in offered
        pointer = project_options.pointer(option) if is_option else f"/{LINK.get(name, '')}"
        if name not in LINK and not is_option:
            draft.add("", f"“{_shown(name)}” in this link is not known")
        elif name in seen:
            draft.add(
                _FIELD_OF.get(pointer, pointer), "is in this link twice; the first one is shown"
            )
        elif is_option:
            draft.texts[option] = text
        else:
            draft.fields[LINK[name]] = text
        seen.add(name)
    return draft


def submitted(offered: Options, sent: FormData) -> ProjectDraft:
    """The form as somebody sent it."""
    given = {name: str(value) for name, value in sent.multi_items()}
    draft = empty(offered)
    for name in ("repository", "ref", "follow", "notebook"):
        draft.fields[name] = given.get(f"/{name}", "")
    draft.fields |= fields_of(given.get(ENVIRONMENT, ""))
    for name, option in offered.items():
        pointer = project_options.pointer(name)
        if option["type"] == "boolean":
            draft.texts[name] = "true" if pointer in given else "false"
        else:
            draft.texts[name] = given.get(pointer, draft.texts[name])
    return draft


def repository(hosts: GitHosts, text: str) -> Repository:
    """The repository that a text of the form names; raises BadRequest."""
    return parse_url(hosts, repository_url(hosts, text), REPOSITORY)


def repository_url(hosts: GitHosts, text: str) -> str:
    """The URL of a repository that may be written as `namespace/project`, or without https://."""
    if "://" in text:
        return text
    names = {urlsplit(host.url).netloc for host in hosts}
    if text.partition("/")[0].lower() in names:
        return f"https://{text}"
    return f"{hosts.first.url}/{text}" if _PATH.fullmatch(text) else text


def _shown(name: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in name[:64])
