"""A git host with the API of each product, and what the launcher reads it with."""

from contextlib import asynccontextmanager

import fake_gitea
import fake_github
import fake_gitlab
from git_host import GitSite

from launcher.git import Git
from launcher.projects import api
from launcher.projects.addresses import Addresses, CheckedResolver, look_up
from launcher.projects.host_calls import HostCalls
from launcher.projects.hosts import read_git_hosts
from launcher.projects.model import GitCredential
from launcher.projects.reader import RepositoryReader
from launcher.projects.repositories import parse_url

APIS = {
    "gitlab": fake_gitlab.answer,
    "github": fake_github.answer,
    "gitea": fake_gitea.answer,
    "git": None,
}
WITH_API = ("gitlab", "github", "gitea")


def start(folder, provider, **options) -> GitSite:
    """A host with an open and a closed project, and access tokens of several users."""
    site = GitSite(folder, api=APIS[provider], **options).start()
    levels = {"alice": "developer", "rita": "reporter", "gus": "guest", "ivo": "developer"}
    site.add("group/open", levels=levels)
    site.add("group/closed", private=True, levels=levels)
    for project in site.projects.values():
        project.invited.add("ivo")
    users = ("alice", "bob", "rita", "gus", "ivo")
    site.tokens.update({f"token-of-{name}": name for name in users})
    return site


def entry(site, provider, **changed):
    """Its entry in `c.Launcher.git_hosts`."""
    return {
        "url": site.url,
        "provider": provider,
        "display_name": "The lab's git",
        "ca_file": site.ca_file,
        "allow_private": True,
        **changed,
    }


def repository(site, provider, path="group/open", **changed):
    """A repository on the host, as a user gives it."""
    return parse_url(read_git_hosts([entry(site, provider, **changed)]), f"{site.url}/{path}.git")


def credential(site, user):
    """The access token of a user, or one that is not valid."""
    return GitCredential(site.url, f"token-of-{user}")


@asynccontextmanager
async def calling(*hosts, lookup=look_up, seconds=20.0):
    """Calls to the hosts."""
    addresses = Addresses(hosts, lookup)
    async with api.open_session(CheckedResolver(addresses), lambda *ended: None) as session:
        yield HostCalls(session, addresses, seconds=seconds)


@asynccontextmanager
async def reading(*hosts, lookup=look_up, seconds=20.0):
    """A reader for repositories on the hosts."""
    async with calling(*hosts, lookup=lookup, seconds=seconds) as calls:
        yield RepositoryReader(Git(seconds=seconds), calls)
