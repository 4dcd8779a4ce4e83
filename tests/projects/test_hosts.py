"""The administrator's list of git hosts."""

import git_sites
import pytest
from certificates import Authority

from launcher.errors import BadRequest, ConfigError
from launcher.projects.hosts import GitHosts, read_git_hosts
from launcher.projects.model import Access, Provider
from launcher.projects.providers.git import PlainGit

GITLAB = {"url": "https://gitlab.example.org", "provider": "gitlab"}


class OwnProvider(PlainGit):
    """A provider of a site's own."""

    def __init__(self, *, color, **common):
        super().__init__(**common)
        self.color = color


class Unfinished(Provider):
    """A provider that lacks its methods."""


def test_a_host_has_defaults():
    host = read_git_hosts([GITLAB]).first
    assert (host.url, host.display_name) == ("https://gitlab.example.org", "gitlab.example.org")
    assert (host.min_access, host.allow_private, host.tls) == (Access.READER, False, None)


def test_a_site_may_have_no_git_host():
    hosts = read_git_hosts([])
    assert len(hosts) == 0
    with pytest.raises(BadRequest, match="no git host"):
        _ = hosts.first


def test_a_host_may_have_an_authority_and_a_class_of_the_sites_own(tmp_path):
    given = {"url": "https://[::1]:8443/", "provider": OwnProvider, "color": "red"}
    more = {"ca_file": str(Authority(tmp_path).bundle), "allow_private": True}
    host = read_git_hosts([{**given, **more}]).first
    assert (host.url, host.hostname, host.port) == ("https://[::1]:8443", "::1", 8443)
    assert host.provider.color == "red"
    assert host.tls
    assert host.provider_name.endswith(":OwnProvider")


def test_a_class_may_be_named():
    given = {**GITLAB, "provider": "launcher.projects.providers.git:PlainGit"}
    assert isinstance(read_git_hosts([given]).first.provider, PlainGit)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"url": None}, r"\[0\]\.url must be an address"),
        ({"url": "http://gitlab.example.org"}, "must begin with https://"),
        ({"url": "ssh://git@gitlab.example.org"}, "must be an address"),
        ({"url": "https://user:canary@gitlab.example.org"}, "without a path or a user"),
        ({"url": "https://gitlab.example.org/sub"}, "without a path"),
        ({"url": "https://gitlab.example.org:99999"}, "must be an address"),
        ({"url": "https://2130706433"}, "must be an address"),
        ({"url": "https://0x7f.1"}, "must be an address"),
        ({"url": "https://a b"}, "must be an address"),
        ({"url": "https://127.0.0.1:8443"}, "set allow_private"),
        ({"url": "https://[::ffff:10.0.0.1]"}, "set allow_private"),
        ({"provider": "svn"}, "must be one of git, gitea, github, gitlab, or a class"),
        ({"provider": None}, "must be one of"),
        ({"provider": "no_such_module:Class"}, "cannot be imported"),
        ({"provider": dict}, "must be one of"),
        ({"provider": Unfinished}, "lacks the methods"),
        ({"provider": OwnProvider}, "missing a required argument: 'color'"),
        ({"color": "red"}, r"\[0\]\.color cannot be used by GitLab"),
        ({"display_name": " "}, "display_name must be text"),
        ({"display_name": "a\nb"}, "display_name must be text"),
        ({"min_access": "owner"}, "must be one of reader, developer"),
        ({"provider": "git", "min_access": "developer"}, "min_access must be reader"),
        ({"ca_file": "/nonexistent.pem"}, "ca_file must be a readable file"),
        ({"ca_file": __file__}, "ca_file must be a readable file"),
        ({"ca_file": 1}, "ca_file must be text"),
        ({"allow_private": "yes"}, "allow_private must be True or False"),
    ],
)
def test_a_mistake_is_a_sentence_that_names_the_setting(changed, sentence):
    with pytest.raises(ConfigError, match=sentence) as raised:
        read_git_hosts([{**GITLAB, **changed}])
    assert str(raised.value).startswith("c.Launcher.git_hosts[0]")
    assert "canary" not in str(raised.value)


@pytest.mark.parametrize(
    "value", [None, {}, "https://gitlab.com", ["https://gitlab.com"], [{1: 2}]]
)
def test_the_list_must_be_one_of_dictionaries(value):
    with pytest.raises(ConfigError, match=r"c\.Launcher\.git_hosts"):
        read_git_hosts(value)


def test_two_entries_cannot_have_the_same_host():
    with pytest.raises(ConfigError, match=r"\[1\]\.url .*another entry"):
        read_git_hosts([GITLAB, {**GITLAB, "url": "https://GitLab.example.org:443/"}])


@pytest.mark.parametrize(
    "url",
    [
        "https://gitlab.example.org/a/b",
        "https://GITLAB.example.org/a/b",
        "https://gitlab.example.org:443/a/b",
    ],
)
def test_a_url_belongs_to_its_host(url):
    hosts = read_git_hosts([GITLAB])
    assert hosts.find(url) is hosts.first


@pytest.mark.parametrize(
    "url",
    [
        "http://gitlab.example.org/a/b",
        "https://gitlab.example.org:8443/a/b",
        "https://gitlab.example.org.evil.example/a/b",
        "https://gitlab.example.org./a/b",
        "https://evil-gitlab.example.org/a/b",
        "https://example.org/gitlab.example.org",
        "https://gitlab.example.org:x/a",
        "https://[::1/a",
        "gitlab.example.org/a/b",
        "",
    ],
)
def test_the_host_is_compared_whole(url):
    with pytest.raises(BadRequest, match="must be on one of the git hosts of this site"):
        read_git_hosts([GITLAB]).find(url)


def test_the_hosts_are_in_the_administrators_order():
    hosts = read_git_hosts([GITLAB, {"url": "https://github.com", "provider": "github"}])
    assert [host.provider_name for host in hosts] == ["gitlab", "github"]
    assert list(GitHosts()) == []


@pytest.mark.parametrize("provider", git_sites.APIS)
def test_each_built_in_provider_has_a_name(provider):
    host = read_git_hosts([{"url": "https://git.example.org", "provider": provider}]).first
    assert host.provider.username
    assert bool(host.provider.api_url) == host.provider.has_api


def test_the_api_of_github_is_on_its_own_host():
    host = read_git_hosts([{"url": "https://github.com", "provider": "github"}]).first
    assert host.provider.api_url == "https://api.github.com"
