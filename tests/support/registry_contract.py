"""What the launcher expects of a registry: of the stand-in and of a real one."""

import re

import requests
from fake_registry import MANIFEST, digest_of, manifest, until_closed

from launcher.errors import NotFound
from launcher.projects import api
from launcher.projects.addresses import Addresses, CheckedResolver
from launcher.projects.hosts import read_git_hosts
from launcher.projects.images import Images
from launcher.projects.model import GitCredential
from launcher.projects.registries import read_registries
from launcher.projects.repositories import parse_url

SHA = "0123456789abcdef0123456789abcdef01234567"
GIT = "https://127.0.0.1:1"


def check_manifests(registry, ca_file) -> None:
    """Manifests have a type and a digest, and what does not exist is a 404."""
    digest = registry.push("group/project", "1.0")
    assert digest == digest_of(manifest())
    for reference in ("1.0", digest):
        found = _head(registry, ca_file, f"group/project/manifests/{reference}")
        assert found.status_code == 200
        assert found.headers["Content-Type"] == MANIFEST
        assert found.headers["Docker-Content-Digest"] == digest
        assert found.headers["Content-Length"] == str(len(manifest()))
    for place in (
        "group/project/manifests/2.0",
        "group/other/manifests/1.0",
        f"group/project/manifests/sha256:{'0' * 64}",
    ):
        assert _head(registry, ca_file, place).status_code == 404


def check_basic(registry, ca_file) -> None:
    """A registry that has passwords of its own says so, and takes them."""
    place = "group/project/manifests/1.0"
    refused = _head(registry, ca_file, place)
    assert refused.status_code == 401
    assert re.match('(?i)basic realm="', refused.headers["WWW-Authenticate"])
    assert _head(registry, ca_file, place, auth=("x", "canary")).status_code == 401


def check_bearer(registry, ca_file) -> None:
    """A registry with a token service says where it is, and what to ask it for."""
    refused = _head(registry, ca_file, "group/project/manifests/1.0")
    assert refused.status_code == 401
    challenge = refused.headers["WWW-Authenticate"]
    assert challenge.startswith("Bearer ")
    found = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
    assert found["realm"] == (registry.realm or f"{registry.url}/jwt/auth")
    assert found["service"] == "registry"
    assert found["scope"] == "repository:group/project:pull"


async def check_images(registry, ca_file) -> None:
    """The launcher finds the images that there are, with a user's token, and no others."""
    registry.push("group/project", SHA[:7])
    entry = {"url": GIT, "provider": "gitlab", "ca_file": ca_file, "allow_private": True}
    hosts = read_git_hosts([{**entry, "registry": registry.url}])
    registries = read_registries(None, hosts)
    resolver = CheckedResolver(Addresses(hosts, private=registries.private_names))
    given = parse_url(hosts, f"{GIT}/Group/Project")
    credential = GitCredential(GIT, "token-of-alice", username="alice")
    async with until_closed(), api.open_session(resolver, lambda *ended: None) as session:
        images = Images(session, registries)
        name = f"{registry.name}/group/project:{SHA[:7]}"
        assert await images.find(given, SHA, credential) == name
        assert await images.find(given, "f" * 40, credential) is None
        assert await images.require(name, given, credential) == name
        try:
            missing = await images.require(f"{registry.name}/group/other:1", given, credential)
        except NotFound:
            missing = None
        assert missing is None


def _head(registry, ca_file, place, **more):
    return requests.head(
        f"{registry.url}/v2/{place}", headers={"Accept": MANIFEST}, verify=ca_file, timeout=10,
        **more,
    )  # fmt: skip
