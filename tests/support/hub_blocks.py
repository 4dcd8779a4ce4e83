"""The blocks of the pages about the hub's side, which tests run as they stand."""

from documents import CHECKOUT, blocks


def block(page: str, word: str, **replacements: str) -> str:
    """The Python of a page that has the word, with what differs on this machine replaced.

    Each name of a replacement stands for the text in `ON_THE_PAGE`. The launcher is at `BESIDE`,
    which stands before it.
    """
    texts = [
        each.text for each in blocks(CHECKOUT / f"docs/{page}.md") if each.language == "python"
    ]
    (text,) = [each for each in texts if word in each]
    text = text.replace("configure(c, ", "configure(c, **BESIDE, system=")
    for name, new in replacements.items():
        old = ON_THE_PAGE[name]
        assert old in text, old
        text = text.replace(old, new)
    return text


def beside(url: str, secret: str) -> str:
    """A launcher that runs beside a hub of the tests: what replaces its service and its roles."""
    return f"""
import os, sys
c.JupyterHub.services = c.JupyterHub.services[1:]
c.JupyterHub.load_roles = []
BESIDE = dict(managed=False, url={url!r}, hook_token={secret!r},
              api_token=settings["launcher_token"])
"""


def managed(url: str) -> str:
    """A launcher at that URL that the hub starts, as `beside` has one that it does not start."""
    return f"""
import os
c.JupyterHub.services = c.JupyterHub.services[1:]
c.JupyterHub.load_roles = []
BESIDE = dict(url={url!r})
"""


ON_THE_PAGE = {
    "public_url": '"https://hub.example.org"',
    "bind_url": '"http://0.0.0.0:8081"',
    "connect_url": '"http://hub.example.org:8081"',
    "programs": "/opt/jupyterhub/bin",
    "prefix": "sudo -E -u {username}",
    "partition": "interactive",
    "slurm_class": "from batchspawner import SlurmSpawner",
    "slurm_section": "c.SlurmSpawner.",
    "local_class": "import LocalProcessSpawner",
}
