"""The form of a project while somebody fills it in."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from starlette.datastructures import FormData

from launcher import urls
from launcher.errors import GitCredentialRefused, LauncherError, NotFound
from launcher.forms import Problem
from launcher.links.query import MAX_QUERY
from launcher.projects import refs
from launcher.projects.hosts import GitHosts
from launcher.projects.options import ServerOptions
from launcher.web import project_options
from launcher.web.environment_choice import fields_of, value_of
from launcher.web.project_address import folder_page, repository, repository_url
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
# the end of an error's sentence on a repository, which says what may help
_ADVICE = re.compile(r"\.? ((?:For a private project, s|S)ign in again.*)")
_PRIVATE = "A private project is read with your own access token."
_REFUSED = "Sign in again, or store a new access token."


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
    advice: str = ""
    """What may help if the repository cannot be read, with the words "access token"."""
    is_of_link: bool = False
    """Whether a link has filled it in."""
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
            name, sentence = self._field_of(error), for_people(error.detail)
            if name == REPOSITORY:
                sentence, self.advice = _with_advice(sentence, error)
            self.problems.append(Problem(name, "", sentence.removesuffix(".")))
        else:
            self.message = for_people(error.detail)

    def add_environment_error(self, error: LauncherError) -> None:
        """Add why no server can start in the chosen environment, at its field."""
        if error.errors or error.status >= 500:
            self.explain(error)
        else:
            sentence = for_people(error.detail).removesuffix(".")
            self.problems.append(Problem(ENVIRONMENT, "", sentence))

    def sort_problems(self) -> None:
        """Put the problems into the order of the fields; first those of none."""
        options = [project_options.pointer(name) for name in project_options.names(self.offered)]
        order = {name: number for number, name in enumerate(["", *TITLES, *options])}
        self.problems.sort(key=lambda problem: order.get(problem.name, len(order)))

    def opens(self, hosts: GitHosts) -> str:
        """What a link without mistakes opens, such as `group/course (main)`; otherwise ''."""
        if not self.is_of_link or self.problems or "repository" not in self.body:
            return ""
        found = repository(hosts, self.body["repository"])
        ref = self.body.get("ref", "")
        shown = ref[:8] if refs.is_full_sha(ref) else ref
        return "/".join(found.path) + (f" ({shown})" if shown else "")

    def has_more(self) -> bool:
        """Whether an option or the environment is not as by default, or has a problem."""
        rest = ("", REPOSITORY, REF, FOLLOW, NOTEBOOK)
        usual = project_options.defaults(self.offered)
        return (
            bool(value_of(self.fields))
            or any(problem.name not in rest for problem in self.problems)
            or any(text.strip() != usual.get(name) for name, text in self.texts.items())
        )

    def with_url(self, hosts: GitHosts) -> "ProjectDraft":
        """The same form with the repository's whole address, for a form that was checked."""
        url = repository(hosts, self.body["repository"]).web_url
        return replace(self, fields={**self.fields, "repository": url})

    def fill_from_page(self, hosts: GitHosts) -> None:
        """Fill in branch and file if the repository is the address of a page that has them.

        Not if another branch or file is filled in: then it is not clear what is meant.
        """
        page = folder_page(hosts, self.body.get("repository", ""))
        if page is None:
            return
        given = self.body
        if given.get("ref", page.ref) == page.ref and given.get("notebook", page.path) == page.path:
            found = {"repository": page.repository, "ref": page.ref, "notebook": page.path}
            self.fields |= found

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
    draft.is_of_link = True
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


def _with_advice(sentence: str, error: LauncherError) -> tuple[str, str]:
    """A sentence on a repository that cannot be read, and what may help."""
    found = _ADVICE.search(sentence)
    if found is None:
        return sentence, _PRIVATE
    is_refused = isinstance(error, GitCredentialRefused)
    return sentence[: found.start()], _REFUSED if is_refused else found[1]


def _shown(name: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in name[:64])
