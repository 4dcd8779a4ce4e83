"""What a workshop consists of, and what its fields may hold."""

import fnmatch
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from launcher.errors import BadRequest
from launcher.store.workshops import Workshop
from launcher.workshops import model

MAX_PATTERNS = 100
MAX_USERS = 2000
MAX_TITLE = 200
# of the name of a user or a group
MAX_USER = 255
# of a pattern; more serve no purpose, and cost time
MAX_WILDCARDS = 5
_NAME = re.compile(r"[a-z](?:-?[a-z0-9])*")
_WILDCARDS = re.compile(r"[*?]")
_COPY = re.compile(r"(.+)-[1-9][0-9]{0,2}\.ipynb")
# a participant who opens the page of a workshop with one of these names would open another page
RESERVED = frozenset({"new", "now"})
NAME_RULE = (
    "must begin with a letter, and have small letters, digits and single hyphens only, such as"
    " python-2026"
)


def parse(name: str, body: Mapping[str, Any], *, created_by: str, most_retention: int) -> Workshop:
    """The workshop in a request; raises BadRequest, with all that is wrong.

    `most_retention` is how many days the site keeps what participants save.
    """
    found = _Checks()
    participants = body.get("participants") or {}
    title = found.check("/title", _text, body["title"], MAX_TITLE)
    found.check("/name", check_name, name)
    patterns = [
        found.check(f"/notebooks/{number}", parse_pattern, text)
        for number, text in enumerate(body["notebooks"])
    ]
    if not 1 <= len(patterns) <= MAX_PATTERNS:
        found.add("/notebooks", f"must name a notebook, and {MAX_PATTERNS} at most")
    users = [
        found.check(f"/participants/users/{number}", _text, text, MAX_USER)
        for number, text in enumerate(participants.get("users", ()))
    ]
    if len(users) > MAX_USERS:
        found.add("/participants/users", f"may be {MAX_USERS} at most; use a group of the hub")
    group = participants.get("group")
    if group is not None:
        group = found.check("/participants/group", _text, group, MAX_USER)
    elif not users:
        found.add("/participants", "must name a group, or users")
    starts, ends = (
        None if body.get(field) is None else found.check(f"/{field}", _time, body[field])
        for field in ("starts", "ends")
    )
    if starts is not None and ends is not None and ends <= starts:
        found.add("/ends", "must be later than the begin")
    days = body.get("retention_days")
    if days is not None and not (isinstance(days, int) and 1 <= days <= most_retention):
        found.add(
            "/retention_days",
            f"must be a number of days, {most_retention} at most: this site keeps no save longer",
        )
    if found.errors:
        raise BadRequest(sentence(found.errors), errors=found.errors)
    return Workshop(
        name=name,
        title=title,
        notebooks=tuple(dict.fromkeys(patterns)),
        group=group,
        users=tuple(sorted(set(users))),
        starts=starts,
        ends=ends,
        retention_days=days,
        created_by=created_by,
    )


class _Checks:
    """Collects all errors of a request."""

    def __init__(self) -> None:
        self.errors: list[dict[str, str]] = []

    def check(self, pointer: str, parse: Callable[..., Any], *arguments: Any) -> Any:
        """What `parse` returns; None, and an error at the pointer, if it raises."""
        try:
            return parse(*arguments)
        except ValueError as error:
            self.add(pointer, str(error))
        except BadRequest as error:
            self.errors += [{**each, "pointer": pointer} for each in error.errors]
        return None

    def add(self, pointer: str, detail: str) -> None:
        """Add an error."""
        self.errors.append({"pointer": pointer, "detail": detail})


def sentence(errors: Iterable[Mapping[str, str]]) -> str:
    """One sentence for each error, with the name of its field."""
    return " ".join(f"{each['pointer'][1:].replace('/', ' ')} {each['detail']}." for each in errors)


def check_name(name: str) -> None:
    """Raise ValueError unless it is the name of a workshop."""
    if not _NAME.fullmatch(name) or len(name) > 64:
        raise ValueError(f"{NAME_RULE}, and at most 64 characters")
    if name in RESERVED:
        raise ValueError("is the address of another page; choose another one")


def parse_pattern(text: str) -> str:
    """A filename, or a pattern of filenames with * and ?; raises ValueError."""
    # the rules of filenames hold for what is not a wildcard
    try:
        model.check_filename(_WILDCARDS.sub("x", text))
    except BadRequest as error:
        raise ValueError(
            "must be a filename such as day1.ipynb, or a pattern of filenames with * and ?: without"
            " folders, [ and ]"
        ) from error
    if not text.endswith(".ipynb"):
        raise ValueError("must end with .ipynb")
    if len(_WILDCARDS.findall(text)) > MAX_WILDCARDS:
        raise ValueError(f"may have {MAX_WILDCARDS} wildcards at most")
    if not re.search(r"\w", _WILDCARDS.sub("", text.removesuffix(".ipynb"))):
        raise ValueError(
            "would match every notebook; begin with what their names have in common, such as"
            " day1-*.ipynb"
        )
    return text


def is_pattern(text: str) -> bool:
    """Whether it stands for several filenames."""
    return bool(_WILDCARDS.search(text))


def has(workshop: Workshop, filename: str) -> bool:
    """Whether a notebook with that filename belongs to the workshop."""
    return any(fnmatch.fnmatchcase(filename, pattern) for pattern in workshop.notebooks)


def names(workshop: Workshop, given: Iterable[str] = ()) -> frozenset[str]:
    """The notebooks that are known by name; `given` are those that were given to the class."""
    return frozenset(each for each in workshop.notebooks if not is_pattern(each)).union(given)


def patterns(workshop: Workshop, known: Iterable[str]) -> list[str]:
    """Patterns of the filenames for which `notebook_of` finds a notebook, and of few others."""
    copies = [f"{each.removesuffix('.ipynb')}-*.ipynb" for each in known]
    return [*dict.fromkeys([*workshop.notebooks, *known, *copies])]


def notebook_of(workshop: Workshop, filename: str, known: frozenset[str]) -> str | None:
    """The notebook of the workshop that a file is, or is a copy of; None: it is another file.

    A launch adds a number to a name that is taken: exam-1.ipynb is a copy of exam.ipynb.
    """
    if filename in known:
        return filename
    copied = _COPY.fullmatch(filename)
    if copied and f"{copied[1]}.ipynb" in known:
        return f"{copied[1]}.ipynb"
    return filename if has(workshop, filename) else None


def takes_part(workshop: Workshop, name: str, groups: Iterable[str]) -> bool:
    """Whether the user with that name, who is in these groups, is a participant."""
    return name in workshop.users or (workshop.group is not None and workshop.group in groups)


def shown(workshop: Workshop, *, to_teacher: bool) -> dict[str, Any]:
    """A workshop as the API shows it; participants do not see who else takes part."""
    found: dict[str, Any] = {
        "name": workshop.name,
        "title": workshop.title,
        "notebooks": list(workshop.notebooks),
        "starts": _iso(workshop.starts),
        "ends": _iso(workshop.ends),
        "retention_days": workshop.retention_days,
    }
    if to_teacher:
        group = {} if workshop.group is None else {"group": workshop.group}
        found["participants"] = {**group, "users": list(workshop.users)}
        found["created_by"] = workshop.created_by
    return found


def _text(text: str, most: int) -> str:
    """A text of one line; raises ValueError, BadRequest."""
    text = text.strip()
    if not text:
        raise ValueError("must not be empty")
    if len(text) > most:
        raise ValueError(f"may have {most} characters at most")
    model.check_characters("text", text)
    return text


def _time(text: str) -> float:
    return model.parse_time(text, "time", most=_LATEST, latest="2100") / model.MICROSECONDS


def _iso(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


_LATEST = int(datetime(2100, 1, 1, tzinfo=UTC).timestamp()) * model.MICROSECONDS
