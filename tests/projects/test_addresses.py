"""The addresses of git hosts (attack A19)."""

import git_sites
import pytest

from launcher.errors import GitHostUnavailable, GitHostUntrusted
from launcher.projects.addresses import Addresses, CheckedResolver, is_public
from launcher.projects.hosts import read_git_hosts
from launcher.projects.repositories import parse_url

HOST = {"url": "https://git.example.org", "provider": "gitlab"}


def lookup_of(*answers):
    """A name server whose answers differ from time to time."""
    left = list(answers)

    async def lookup(name, port):
        return left.pop(0)

    return lookup


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fd00::1",
        "fec0::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "2002:7f00:1::",
        "64:ff9b::7f00:1",
        "64:ff9b:1::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2%1",
    ],
)
def test_a_private_address_is_recognized_in_each_way_to_write_it(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["140.82.121.4", "2606:50c0:8000::153", "64:ff9b::8c52:7904"])
def test_a_public_address_is_allowed(address):
    assert is_public(address)


async def test_a_name_with_one_private_address_is_refused():
    host = read_git_hosts([HOST]).first
    addresses = Addresses([host], lookup_of(["140.82.121.4", "10.0.0.1"]))
    with pytest.raises(GitHostUntrusted, match=r"a private network.*allow_private"):
        await addresses.of_host(host)


async def test_a_name_that_is_bound_again_is_refused_the_second_time():
    host = read_git_hosts([HOST]).first
    addresses = Addresses([host], lookup_of(["140.82.121.4"], ["127.0.0.1"], ["127.0.0.1"]))
    assert await addresses.of_host(host) == ("140.82.121.4",)
    with pytest.raises(GitHostUntrusted):
        await addresses.of_host(host)
    with pytest.raises(OSError, match="private network"):
        await CheckedResolver(addresses).resolve(host.hostname, 443)


async def test_a_name_that_does_not_exist_is_said_to():
    host = read_git_hosts([{**HOST, "url": "https://git.invalid"}]).first
    with pytest.raises(GitHostUnavailable, match="cannot be resolved"):
        await Addresses([host]).of_host(host)
    with pytest.raises(GitHostUnavailable, match="cannot be resolved"):
        await Addresses([host], lookup_of([])).of_host(host)


async def test_a_host_may_be_private_if_the_administrator_says_so():
    host = read_git_hosts([{**HOST, "allow_private": True}]).first
    addresses = Addresses([host], lookup_of(["10.0.0.1"]))
    assert await addresses.of_host(host) == ()
    (found,) = await CheckedResolver(addresses).resolve(host.hostname, 443)
    assert found["host"] == "10.0.0.1"


@pytest.mark.parametrize("sha", ["a" * 7, "a" * 40])
async def test_a_host_that_turns_out_to_be_private_is_not_called(tmp_path, sha):
    site = git_sites.start(tmp_path, "gitlab", certificate={"address": "localhost"})
    try:
        given = _named(site, "localhost")
        async with git_sites.reading(given.host) as reader:
            with pytest.raises(GitHostUntrusted):
                await reader.resolve(given, sha)
        assert site.seen == []
    finally:
        site.stop()


async def test_an_api_whose_name_is_bound_again_is_not_called(tmp_path):
    """The first answer is for the check before, the second for the connection."""
    site = git_sites.start(tmp_path, "gitlab", certificate={"address": "git.example.org"})
    try:
        given = _named(site, "git.example.org")
        lookup = lookup_of(["140.82.121.4"], ["127.0.0.1"])
        async with git_sites.calling(given.host, lookup=lookup) as calls:
            api = await calls.api(given, None)
            with pytest.raises(GitHostUnavailable):
                await api.get("/projects/1")
        assert site.seen == []
    finally:
        site.stop()


async def test_git_gets_the_address_that_was_checked():
    host = read_git_hosts([HOST]).first
    given = parse_url(read_git_hosts([HOST]), f"{host.url}/a/b")
    lookup = lookup_of(["140.82.121.4", "2606:50c0:8000::153"])
    async with git_sites.calling(host, lookup=lookup) as calls:
        config = (await calls.remote(given, None)).config()
    pinned = "git.example.org:443:140.82.121.4,[2606:50c0:8000::153]"
    assert config == {"http.curloptResolve": pinned}


def _named(site, name):
    """A repository on the site under another name."""
    url = f"https://{name}:{site.port}"
    hosts = read_git_hosts([git_sites.entry(site, "gitlab", url=url, allow_private=False)])
    return parse_url(hosts, f"{url}/group/open")
