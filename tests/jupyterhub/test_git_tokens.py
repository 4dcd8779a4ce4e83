"""People sign in to a real hub at a GitLab, and the launcher reads their projects with that."""

from contextlib import asynccontextmanager
from urllib.parse import urljoin, urlsplit

import git_sites
import pytest
import requests
from git_host import GitSite
from gitlab_sign_in import SESSION, GitLabSignIn
from jupyterhub.auth import Authenticator
from ports import free_port
from realhub import RealHub
from waiting import wait_until

from launcher import keys
from launcher.projects.credentials import Credentials
from launcher.projects.hosts import read_git_hosts
from launcher.store import Store

pytest.importorskip("oauthenticator")
pytestmark = pytest.mark.slow

HUB = """
from oauthenticator.gitlab import GitLabOAuthenticator
from launcher.jupyterhub import configure

async def nickname(authenticator, handler, model):
    return {{**model, "auth_state": {{**model["auth_state"], "nickname": "of the site"}}}}

c.JupyterHub.services = c.JupyterHub.services[1:]
c.JupyterHub.load_roles = []
c.JupyterHub.public_url = settings["public_url"]
c.JupyterHub.authenticator_class = GitLabOAuthenticator
c.CryptKeeper.keys = [b"k" * 32]
c.Authenticator.enable_auth_state = True
c.Authenticator.auth_refresh_age = 1
c.GitLabOAuthenticator.post_auth_hook = nickname
c.GitLabOAuthenticator.gitlab_url = {gitlab!r}
c.GitLabOAuthenticator.client_id = {client_id!r}
c.GitLabOAuthenticator.client_secret = {client_secret!r}
c.GitLabOAuthenticator.oauth_callback_url = settings["public_url"] + "hub/oauth_callback"
c.OAuthenticator.http_request_kwargs = {{"ca_certs": {ca_file!r}}}
configure(c, "desk", url={url!r}, api_token=settings["launcher_token"])
"""

# the hub would wait for it
WITHOUT_LAUNCHER = """
for each in c.JupyterHub.services:
    for name in ("url", "command", "oauth_no_confirm"):
        each.pop(name, None)
"""


class GitLab:
    """A GitLab with a private project of alice, at which people sign in to the hub."""

    def __init__(self, folder):
        self.sign_in = GitLabSignIn()
        self.site = GitSite(folder, api=self.sign_in.answer).start()
        self.repository = self.site.add("lab/secret", private=True, levels={"alice": "developer"})
        self.entry = git_sites.entry(self.site, "gitlab")

    def newest_of(self, user):
        """The access token that was given to the user last."""
        return self.sign_in.given[user][-1]


class SiteWithGitLab:
    """A hub that starts its launcher, and lets people sign in at a GitLab."""

    def __init__(self, folder, gitlab, *, git_hosts=None, extra=""):
        self.folder, self.gitlab = folder, gitlab
        entries = [gitlab.entry] if git_hosts is None else git_hosts
        self.hosts = read_git_hosts(entries)
        (folder / "launcher_config.py").write_text(f"c.Launcher.git_hosts = {entries!r}\n")
        self.launcher_port = free_port()
        hub = HUB.format(
            gitlab=gitlab.site.url,
            client_id=gitlab.sign_in.client_id,
            client_secret=gitlab.sign_in.client_secret,
            ca_file=gitlab.site.ca_file,
            url=f"http://127.0.0.1:{self.launcher_port}",
        )
        self.hub = RealHub(folder, extra=hub + extra)
        self.url = f"{self.hub.url}/services/launcher"
        gitlab.sign_in.redirect_uri = f"{self.hub.url}/hub/oauth_callback"

    def start(self):
        self.hub.start()
        wait_until(lambda: requests.get(f"{self.url}/ready", timeout=5).ok, "the launcher")
        return self

    def log_in(self, user):
        """A browser that has signed in as the user."""
        browser = requests.Session()
        browser.trust_env = False  # a variable would name other authorities
        browser.headers["Connection"] = "close"  # before the GitLab ends
        browser.verify = self.gitlab.site.ca_file
        browser.cookies.set(SESSION, user)
        url = f"{self.hub.url}/hub/oauth_login"
        for path in ("/oauth/authorize", "/hub/oauth_callback", "/hub/"):
            answer = browser.get(url, allow_redirects=False, timeout=30)
            assert answer.status_code == 302, answer.text
            url = urljoin(url, answer.headers["Location"])
            assert urlsplit(url).path.startswith(path)
        return browser

    def held(self, user):
        """Where the launcher has the user's token for GitLab from."""
        headers = {"Authorization": f"token {self.hub.token_of(user)}"}
        answer = requests.get(f"{self.url}/git-hosts", headers=headers, timeout=30)
        (shown,) = answer.json()["git_hosts"]
        return shown["token"]

    @asynccontextmanager
    async def credentials(self):
        """The tokens that the launcher keeps."""
        database = Store(f"sqlite:///{self.folder}/launcher.sqlite")
        try:
            secret = keys.secret(self.folder / "launcher_secret")
            yield Credentials(database, secret, self.hosts)
        finally:
            database.close()

    async def kept(self, user):
        """The token itself, as it is sent to GitLab."""
        async with self.credentials() as credentials:
            found = await credentials.for_host(user, self.hosts.first)
            return found and found.token

    def resolve(self, user):
        """The launcher's answer to what the private project's branch is."""
        headers = {"Authorization": f"token {self.hub.token_of(user)}"}
        body = {"url": f"{self.gitlab.site.url}/lab/secret", "ref": "main"}
        url = f"{self.url}/repositories/resolve"
        return requests.post(url, json=body, headers=headers, timeout=30)

    @property
    def log(self):
        """What the hub and its launcher have written."""
        return self.hub.hub.log.read_text()


@pytest.fixture(scope="module")
def gitlab(tmp_path_factory):
    found = GitLab(tmp_path_factory.mktemp("gitlab"))
    yield found
    found.site.stop()


@pytest.fixture(scope="module")
def site(gitlab, tmp_path_factory):
    found = SiteWithGitLab(tmp_path_factory.mktemp("hub"), gitlab).start()
    yield found
    found.hub.stop()


async def test_a_private_project_is_read_with_the_token_of_the_sign_in(site, gitlab):
    site.log_in("alice")
    assert site.held("alice") == "sign-in"
    assert await site.kept("alice") == gitlab.newest_of("alice")
    resolved = site.resolve("alice")
    assert resolved.status_code == 200, resolved.text
    assert resolved.json()["commit_sha"] == gitlab.repository.git("rev-parse", "main")
    site.log_in("mallory")
    assert site.held("mallory") == "sign-in"
    assert site.resolve("mallory").status_code == 404


async def test_what_the_hook_of_the_site_adds_is_kept(site):
    site.log_in("norbert")
    user = site.hub.api("GET", "users", "norbert").json()
    assert user["auth_state"]["nickname"] == "of the site"


async def test_the_name_is_that_of_the_hub(site, gitlab):
    site.log_in("Carla.C")
    assert site.held("carla.c") == "sign-in"
    assert await site.kept("carla.c") == gitlab.newest_of("Carla.C")


async def test_a_start_hands_the_token_over_again(site, gitlab):
    site.log_in("frieda")
    headers = {"Authorization": f"token {site.hub.token_of('frieda')}"}
    path = f"{site.url}/git-hosts/{urlsplit(gitlab.site.url).netloc}/token"
    assert requests.delete(path, headers=headers, timeout=30).status_code == 204
    assert site.held("frieda") is None
    site.hub.start_server("frieda")
    assert await site.kept("frieda") == gitlab.newest_of("frieda")
    site.hub.stop_server("frieda")


async def test_a_token_that_the_hub_refreshes_is_handed_over(site, gitlab):
    browser = site.log_in("gunda")
    first = gitlab.newest_of("gunda")
    gitlab.sign_in.expire(gitlab.site, "gunda")

    def refreshed():
        # after a second, the hub looks whether the token is still valid
        assert browser.get(f"{site.hub.url}/hub/token", timeout=30).ok
        return gitlab.newest_of("gunda") != first

    wait_until(refreshed, "the refresh")
    if not hasattr(Authenticator, "reconcile_auth_state_hook"):
        # before JupyterHub 6.1, it is handed over when a server starts
        site.hub.start_server("gunda")
    assert await site.kept("gunda") == gitlab.newest_of("gunda")


def test_no_token_is_in_the_log(site, gitlab):
    site.log_in("alice")
    tokens = [token for given in gitlab.sign_in.given.values() for token in given]
    assert tokens
    assert not [token for token in tokens if token in site.log]


def test_a_host_that_the_launcher_does_not_know_gets_no_tokens(gitlab, tmp_path):
    other = {"url": "https://gitlab.example.org", "provider": "gitlab"}
    site = SiteWithGitLab(tmp_path, gitlab, git_hosts=[other])
    try:
        site.start().log_in("alice")
        site.log_in("bob")
        assert site.held("alice") is None
    finally:
        site.hub.stop()
    assert site.log.count("is none of the launcher's git hosts") == 1


def test_somebody_signs_in_while_the_launcher_is_away(gitlab, tmp_path):
    site = SiteWithGitLab(tmp_path, gitlab, extra=WITHOUT_LAUNCHER)
    try:
        site.hub.start()
        site.log_in("alice")
    finally:
        site.hub.stop()
    assert "the token of alice for" in site.log
    assert gitlab.newest_of("alice") not in site.log
