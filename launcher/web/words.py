"""Turns the sentences of the API into ones for the people at the pages."""

import re
from typing import Final

# parts of sentences, in this order; the API's own are about fields of a request
_WORDS: Final = [
    (
        r"(.+) exists, or a text that jupytext pairs with it, and if_exists is fail\.",
        r"The file \1 exists, or a text file that opens as this notebook. “Do not launch” was"
        r" chosen for this case.",
    ),
    (
        r"This hub has no named servers \(.*\)\. Leave `server` out to use the default server\.",
        "This hub has only one server for each person. Leave the field Server empty.",
    ),
    (r"There is no server '(.*)'\. GET /servers lists yours\.",
     r"There is no server “\1”. The home page lists yours."),
    (r"The home page and GET /experiments list them\.", "The home page lists them."),
    (r"or choose if_exists: rename\.", "or choose to keep both files."),
    (r"^(\S+) launches of this user are under way", r"\1 of your launches are under way"),
    (r"^This user began", "You began"),
    (
        r"^The hub does not accept the launcher's token, or .* at /ready what is missing\.",
        "The launcher is not set up completely at the hub. Tell the people who run the hub; the"
        " launcher's page /ready says what is missing.",
    ),
    (r"or after an administrator's DELETE /starts/failures\.",
     "or after an administrator has reset the failures."),
    (r"\. Its service needs the scope tokens, (.*) that this user is in\.",
     r". Tell the people who run the hub: its service needs the scope tokens, \1 that you are in."),
    (r"An administrator calls `launcher\.jupyterhub\.configure` in jupyterhub_config\.py\.",
     "Tell the people who run the hub: they call launcher.jupyterhub.configure in"
     " jupyterhub_config.py."),
    (r" is not one of the git hosts of this site\. GET /git-hosts\.",
     " is not one of the git hosts of this site."),
    (r"one of the values that GET /server_options lists", "one of the choices"),
    (r" With \?replace=true it is stopped and started with the new ones\.", ""),
    # the page has buttons for it
    (r"(?s)( asks for '.*'\.) Stop the server and launch again, or .*", r"\1"),
    (r"^The server runs, but the project was not checked out: ", ""),
    (r" Stop the server, and launch again\.$", ""),
    (r"(?:, and|:) start the server again(?: to try again)?\.", "."),
    (r" Start the server again to try again\.", ""),
    (r" are started by \S+, which cannot set ",
     " are started by the hub's spawner, which cannot set "),
    (r"\bentrypoint type\b", "type of environments"),
    (r"\bentrypoint\b", "environment"),
    (r"^filename (must be one of the workshop's notebooks)", r"Its name \1"),
    (r"^path must ", "The path must "),
    (r"^(?:path|notebook) ((?:is|has) )", r"The notebook \1"),
    (r"^at (is in the past|may be )", r"The time \1"),
    (r"^The user's server", "Your server"),
    (r"\bthe user's server\b", "your server"),
    (r"\bthe server of '.*?'", "your server"),
    (r"^The hub does not know the user '.*?' any more\.", "The hub does not know you any more."),
]  # fmt: skip
_PATTERNS: Final = [(re.compile(pattern, re.DOTALL), words) for pattern, words in _WORDS]


def for_people(detail: str) -> str:
    """The sentence in the words of the pages."""
    for pattern, words in _PATTERNS:
        detail = pattern.sub(words, detail)
    return detail
