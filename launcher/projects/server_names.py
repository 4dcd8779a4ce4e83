"""The names of the servers of projects."""

import hashlib
import json
import re

MAX_LENGTH = 30
_DIGITS = 12  # of the hash: names have to differ among the servers of one user
_NOT_SLUG = re.compile("[^a-z0-9]+")


def server_name(
    *, provider: str, canonical_url: str, commit_or_branch: str, branch: str, follow: str = ""
) -> str:
    """The name of the server for a commit, or for a branch that is followed; the same each time.

    It is valid on JupyterHub 5 and 6: `^[a-z](?:-?[a-z0-9])*$`, of at most 30 characters.
    """
    what = json.dumps([provider, canonical_url, commit_or_branch, branch, follow])
    digits = hashlib.sha256(what.encode()).hexdigest()[:_DIGITS]
    project = canonical_url.rstrip("/").rpartition("/")[2].removesuffix(".git")
    return f"{_slug(project)}-{digits}"


def _slug(project: str) -> str:
    slug = _NOT_SLUG.sub("-", project.lower()).strip("-")
    if not slug[:1].isalpha():
        slug = f"project-{slug}"
    return slug[: MAX_LENGTH - _DIGITS - 1].strip("-")
