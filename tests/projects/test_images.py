"""Images of servers: that of a commit in the project's registry, and those that users ask for."""

from contextlib import asynccontextmanager

import git_sites
import pytest
import registry_contract
from certificates import Authority
from fake_registry import FakeRegistry, until_closed
from git_host import GitSite
from ports import free_port

from launcher.errors import BadRequest, ConfigError, NotFound, RegistryUnavailable
from launcher.projects import api, image_names
from launcher.projects.addresses import Addresses, CheckedResolver, look_up
from launcher.projects.hosts import read_git_hosts
from launcher.projects.images import Images
from launcher.projects.model import GitCredential
from launcher.projects.registries import read_registries
from launcher.projects.repositories import parse_url

SHA = "0123456789abcdef0123456789abcdef01234567"
DIGEST = f"sha256:{'a' * 64}"


class Place:
    """A git host with a registry, and another registry."""

    def __init__(self, folder):
        self.git = GitSite(folder, api=self._token_service).start()
        self.registry = FakeRegistry(self.git.authority).start()
        self.other = FakeRegistry(self.git.authority).start()
        self.registry.users = {"token-of-alice": "alice", "token-of-bob": "bob"}

    async def _token_service(self, site, request):
        return await self.registry.token_service(site, request)

    def stop(self):
        for each in (self.git, self.registry, self.other):
            each.stop()

    def reset(self):
        for each in (self.registry, self.other):
            each.images.clear()
            each.seen.clear()
            each.asks_for = each.realm = each.misbehaves = each.token_service_misbehaves = ""

    def hosts(self, **changed):
        entry = git_sites.entry(self.git, "gitlab", registry=self.registry.url)
        return read_git_hosts([{**entry, **changed}])

    def repository(self, path="group/Project", **changed):
        return parse_url(self.hosts(**changed), f"{self.git.url}/{path}")

    def credential(self, user="alice"):
        return GitCredential(self.git.url, f"token-of-{user}")

    def entry(self, **changed):
        """The other registry, as one that users may choose."""
        ca_file = self.git.ca_file
        return {"url": self.other.url, "ca_file": ca_file, "allow_private": True, **changed}


@pytest.fixture(scope="module")
def _place(tmp_path_factory):
    place = Place(tmp_path_factory.mktemp("registry"))
    yield place
    place.stop()


@pytest.fixture
def place(_place):
    _place.reset()
    return _place


@asynccontextmanager
async def looking(hosts, registries=None, *, lookup=look_up, seconds=10.0):
    """Finds images in the registries of the hosts, and in those of the setting."""
    found = read_registries(registries, hosts)
    addresses = Addresses(hosts, lookup, private=found.private_names)
    async with until_closed(), api.open_session(CheckedResolver(addresses), _ignore) as session:
        yield Images(session, found, seconds=seconds)


def _ignore(*ended):
    """The metrics are not looked at."""


async def find(place, *, user=None, path="group/Project", seconds=10.0, **changed):
    credential = place.credential(user) if user else None
    async with looking(place.hosts(**changed), seconds=seconds) as images:
        return await images.find(place.repository(path, **changed), SHA, credential)


async def require(place, text, *, user=None, registries=None, seconds=10.0, **changed):
    credential = place.credential(user) if user else None
    async with looking(place.hosts(**changed), registries, seconds=seconds) as images:
        return await images.require(text, place.repository(**changed), credential)


# the stand-in does as a real registry does: tests/system/test_registry.py


def test_the_stand_in_has_manifests_as_a_real_registry(place):
    registry_contract.check_manifests(place.registry, place.git.ca_file)


@pytest.mark.parametrize("asks_for", ["", "basic", "bearer"])
async def test_images_are_found_in_the_stand_in_as_in_a_real_registry(place, asks_for):
    place.registry.asks_for = asks_for
    await registry_contract.check_images(place.registry, place.git.ca_file)


def test_the_stand_in_asks_for_access_as_a_real_registry(place):
    place.registry.asks_for = "basic"
    registry_contract.check_basic(place.registry, place.git.ca_file)
    place.registry.asks_for = "bearer"
    registry_contract.check_bearer(place.registry, place.git.ca_file)


# the image of a commit


async def test_the_image_of_a_commit_is_found_under_its_short_sha_in_lower_case(place):
    place.registry.push("group/project", SHA[:7])
    assert await find(place) == f"{place.registry.name}/group/project:{SHA[:7]}"
    (seen,) = place.registry.seen
    assert (seen.method, seen.path) == ("HEAD", f"/v2/group/project/manifests/{SHA[:7]}")
    assert seen.authorization == ""


async def test_a_commit_without_an_image_has_none(place):
    assert await find(place) is None
    place.registry.push("group/project", "latest")
    assert await find(place) is None


async def test_an_administrator_says_how_images_are_named(place):
    place.registry.push("images/group/sub/project/notebook", f"v-{SHA}")
    found = await find(
        place,
        path="group/sub/project",
        image="images/{namespace}/{project}/notebook:v-{commit_sha}",
    )
    assert found == f"{place.registry.name}/images/group/sub/project/notebook:v-{SHA}"


async def test_a_host_without_a_registry_has_no_images(place):
    assert await find(place, registry="") is None
    assert place.registry.seen == []


@pytest.mark.parametrize("name", ["a~b", "_a", "a..b", "a_", "a+b"])
async def test_a_project_whose_name_no_image_can_have_is_not_asked_for(place, name):
    assert await find(place, path=f"group/{name}") is None
    assert place.registry.seen == []


# with the user's own right


@pytest.mark.parametrize("realm_is_of_git", [True, False])
async def test_a_private_image_is_found_by_those_who_may_read_it(place, realm_is_of_git):
    place.registry.asks_for = "bearer"
    place.registry.realm = f"{place.git.url}/jwt/auth" if realm_is_of_git else ""
    place.registry.push("group/project", SHA[:7], readers={"alice"})
    assert await find(place, user="alice")
    assert await find(place, user="bob") is None
    assert await find(place) is None


async def test_the_right_to_pull_one_image_is_asked_for_whatever_the_registry_wants(place):
    place.registry.asks_for = "bearer"
    scope = 'scope="repository:group/project:pull,push,delete registry:catalog:*"'
    place.registry.realm = f'{place.registry.url}/jwt/auth?a=1",{scope},x="'
    place.registry.push("group/project", SHA[:7])
    assert await find(place, user="alice")
    asked = place.registry.seen[1]
    assert asked.query["scope"] == "repository:group/project:pull"
    assert asked.query["a"] == "1"
    assert asked.query["service"] == "registry"


async def test_a_public_image_is_found_with_a_token_that_has_expired(place):
    place.registry.asks_for = "bearer"
    place.registry.push("group/project", SHA[:7])
    assert await find(place, user="nobody")


async def test_the_credential_goes_to_the_token_service_and_the_token_to_the_registry(place):
    place.registry.asks_for = "bearer"
    place.registry.push("group/project", SHA[:7], readers={"alice"})
    await find(place, user="alice")
    schemes = [
        (each.path[:4], each.authorization.partition(" ")[0]) for each in place.registry.seen
    ]
    assert schemes == [("/v2/", ""), ("/jwt", "Basic"), ("/v2/", "Bearer")]


async def test_a_registry_may_ask_for_the_credential_itself(place):
    place.registry.asks_for = "basic"
    place.registry.push("group/project", SHA[:7], readers={"alice"})
    assert await find(place, user="alice")
    assert await find(place, user="bob") is None
    assert await find(place) is None


async def test_a_token_service_on_another_host_is_not_asked(place, written):
    place.registry.asks_for = "bearer"
    place.registry.push("group/project", SHA[:7])
    for realm in (
        f"{place.other.url}/jwt/auth",
        f"{place.git.url}.evil.example/jwt/auth",
        place.git.url.replace("https://", "https://git.example@"),
        place.git.url.replace("https://", "http://") + "/jwt/auth",
        "https://127.0.0.1/jwt/auth",
        "https://[::1/jwt/auth",
        "https://127.0.0.1:99999/",
        "//evil.example/",
        "",
    ):
        place.registry.seen.clear()
        place.registry.realm = realm or " "
        assert await find(place, user="alice") is None
        assert [each.method for each in place.registry.seen] == ["HEAD"]
    assert place.other.seen == []
    assert "token-of" not in written.getvalue()


async def test_a_credential_never_goes_to_another_registry(place):
    place.other.asks_for = "bearer"
    place.other.push("group/image", "1", readers={"alice"})
    place.other.users = place.registry.users
    with pytest.raises(NotFound, match="or you cannot read it"):
        await require(
            place, f"{place.other.name}/group/image:1", user="alice", registries=[place.entry()]
        )
    assert len(place.other.seen) == 2
    assert {each.authorization for each in place.other.seen} == {""}
    place.other.asks_for = "basic"
    with pytest.raises(NotFound):
        await require(
            place, f"{place.other.name}/group/image:1", user="alice", registries=[place.entry()]
        )
    assert {each.authorization for each in place.other.seen} == {""}


async def test_a_credential_of_another_host_is_a_bug(place):
    async with looking(place.hosts()) as images:
        with pytest.raises(ValueError, match="another host"):
            await images.find(place.repository(), SHA, GitCredential("https://x.example", "t"))
    assert place.registry.seen == []


# registries that do not work

FAILURES = [
    ("hang", "did not respond in time"),
    ("redirect", "it redirects"),
    ("500", "it answers with HTTP 500"),
    ("429", "it limits the number of requests"),
    ("400", "it answers with HTTP 400"),
    ("page", "it does not answer as a registry does"),
    ("json", "it does not answer as a registry does"),
    ("no-challenge", "it does not say how to get access"),
]


@pytest.mark.parametrize(("how", "sentence"), FAILURES)
async def test_a_registry_that_does_not_work_is_a_problem_for_who_asks_for_an_image(
    place, how, sentence
):
    place.registry.misbehaves = how
    seconds = 0.5 if how == "hang" else 10.0
    with pytest.raises(RegistryUnavailable, match=sentence) as raised:
        await require(place, f"{place.registry.name}/a/b:1", user="alice", seconds=seconds)
    assert raised.value.is_temporary
    assert "secret" not in raised.value.detail


@pytest.mark.parametrize("how", [how for how, _ in FAILURES])
async def test_a_registry_that_does_not_work_leaves_the_default_image(place, how):
    place.registry.misbehaves = how
    assert await find(place, user="alice", seconds=0.5 if how == "hang" else 10.0) is None


async def test_a_registry_that_does_not_work_is_in_the_log(place, written):
    place.registry.misbehaves = "503"
    await find(place, user="alice")
    assert "a registry could not be asked for the image of a commit" in written.getvalue()
    assert "it answers with HTTP 503" in written.getvalue()
    assert "token-of" not in written.getvalue()


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ("hang", "did not respond in time"),
        ("redirect", "it redirects"),
        ("500", "HTTP 500"),
        ("page", "it gives no access as a registry does"),
        ("json", "it gives no access as a registry does"),
        ("flood", "too large"),
    ],
)
async def test_a_token_service_that_does_not_work_is_a_problem(place, how, sentence):
    place.registry.asks_for = "bearer"
    place.registry.token_service_misbehaves = how
    seconds = 0.5 if how == "hang" else 10.0
    with pytest.raises(RegistryUnavailable, match=sentence) as raised:
        await require(place, f"{place.registry.name}/a/b:1", user="alice", seconds=seconds)
    assert "canary" not in raised.value.detail


async def test_a_registry_that_is_away_is_said_to_be(place):
    port = free_port()
    text = f"127.0.0.1:{port}/a/b:1"
    with pytest.raises(RegistryUnavailable, match="the connection was refused"):
        await require(place, text, registry=f"https://127.0.0.1:{port}")


async def test_a_certificate_of_an_unknown_authority_is_refused(place):
    with pytest.raises(RegistryUnavailable, match="certificate is not trusted"):
        await require(place, f"{place.registry.name}/a/b:1", user="alice", ca_file="")
    assert place.registry.seen == []


async def test_a_name_with_a_private_address_is_refused_unless_it_is_allowed(tmp_path, place):
    async def lookup(name, port):
        return ["127.0.0.1"]

    authority = Authority(tmp_path)
    registry = FakeRegistry(authority, certificate={"address": "images.example.org"}).start()
    try:
        registry.push("a/b", "1")
        entry = {"url": f"https://images.example.org:{registry.port}"}
        entry["ca_file"] = str(authority.bundle)
        text = f"images.example.org:{registry.port}/a/b:1"
        async with looking(place.hosts(), [entry], lookup=lookup) as images:
            with pytest.raises(RegistryUnavailable, match=r"a private network.*allow_private"):
                await images.require(text, place.repository(), None)
        assert registry.seen == []
        entry["allow_private"] = True
        async with looking(place.hosts(), [entry], lookup=lookup) as images:
            assert await images.require(text, place.repository(), None) == text
    finally:
        registry.stop()


# an image that a user asks for


async def test_an_image_that_exists_is_named_in_full(place):
    digest = place.registry.push("group/image", "latest")
    name = f"{place.registry.name}/group/image"
    assert await require(place, name) == f"{name}:latest"
    assert await require(place, f"{name}:latest") == f"{name}:latest"
    assert await require(place, f"{name}@{digest}") == f"{name}@{digest}"
    assert await require(place, f"{name}:old@{digest}") == f"{name}:old@{digest}"
    for missing in (f"{name}:2", f"{name}@{DIGEST}", f"{name}x"):
        with pytest.raises(NotFound, match="does not exist") as raised:
            await require(place, missing)
        assert raised.value.errors[0]["pointer"] == "/image"


async def test_images_come_from_the_registries_of_the_administrator(place):
    place.other.push("tools/image", "1")
    place.registry.push("tools/image", "1")
    text = f"{place.other.name}/tools/image:1"
    with pytest.raises(NotFound, match="must be in one of the registries of this site: 127"):
        await require(place, text)
    assert await require(place, text, registries=[place.entry()]) == text
    own = f"{place.registry.name}/tools/image:1"
    with pytest.raises(NotFound, match="must be in one of"):
        await require(place, own, registries=[place.entry()])
    assert await require(place, own, registries=[place.registry.url, place.entry()]) == own
    with pytest.raises(NotFound, match="this site has no registry"):
        await require(place, text, registries=[])


async def test_another_token_service_may_be_configured(place):
    place.other.asks_for = "bearer"
    place.other.realm = f"{place.registry.url}/jwt/auth"
    place.other.push("tools/image", "1")
    text = f"{place.other.name}/tools/image:1"
    with pytest.raises(RegistryUnavailable, match=r"leaves access to another host.*token_service"):
        await require(place, text, registries=[place.entry()])
    assert place.registry.seen == []
    entry = place.entry(token_service=place.registry.url)
    with pytest.raises(NotFound):  # the stand-in does not know the other one's tokens
        await require(place, text, user="alice", registries=[entry])
    (asked,) = place.registry.seen
    assert (asked.path, asked.authorization) == ("/jwt/auth", "")


@pytest.mark.parametrize(
    "name",
    ["{0}.evil.example", "evil.example/{0}", "{0}0", "x{0}", "127.0.0.1", "127.0.0.1:99999"],
)
async def test_a_registry_is_compared_whole(place, name):
    place.registry.push("a/b", "1")
    # some of them are no name of a registry at all
    with pytest.raises((NotFound, BadRequest)):
        await require(place, f"{name.format(place.registry.name)}/a/b:1")
    assert place.registry.seen == []


@pytest.mark.parametrize(
    "text",
    [
        "", "image", "image:1", "-v", "--privileged", "-v/a/b", "host/-a", "host/a -v /:/host",
        "host/a:1 --privileged", "host/a:1\n", "host/a\x00", "host/A", "host/a//b", "host/../b",
        "host/./b", "host/a..b", "host/a:", "host/a:-1", "host/a:" + "x" * 129, "host/a@sha256:1",
        f"host/a@md5:{'a' * 32}", f"host/a@sha256:{'A' * 64}", "host/a:1:2", "https://host/a:1",
        "user:password@host/a:1", "host:port/a", "host:123456/a", "-host/a", "host-/a", "ho_st/a",
        "host/" + "a" * 256, "host/ä", "host/a?b", "host/a#b", "host/%61", "host/a\\b", "/host/a",
        "host/a/", "host/$(id)", "host/a;b", "[::1/a", "a." * 5000 + "/b", "host/" + "a-" * 9000,
    ],
)  # fmt: skip
async def test_what_is_no_name_of_an_image_is_refused(place, text):
    with pytest.raises(
        BadRequest, match="image must be a registry, a name in lower case"
    ) as raised:
        await require(place, text)
    assert raised.value.errors[0]["pointer"] == "/image"


@pytest.mark.parametrize(
    "text", ["host.example/a/b:1", "HOST.example:5000/a__b/c-d.e", f"[::1]:5000/a:V1_x@{DIGEST}"]
)
def test_names_of_images_are_read(text):
    image = image_names.parse(text)
    assert image.at(image.registry).lower().startswith(text.lower())


# the configuration


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"registry": "http://registry.example.org"}, r"\[0\]\.registry must begin with https://"),
        ({"registry": "registry.example.org"}, r"\[0\]\.registry must be an address"),
        ({"registry": "https://registry.example.org/v2"}, "without a path"),
        ({"registry": "https://u:canary@registry.example.org"}, "without a path or a user"),
        ({"registry": None}, r"\.registry must be an address"),
        ({"registry": "https://10.0.0.1"}, "set allow_private"),
        ({"image": None}, r"\[0\]\.image must be a name and a tag"),
        ({"image": "{namespace}/{project}"}, r"\.image must be a name and a tag"),
        ({"image": "{namespace}/{project}:latest"}, "with {commit_sha}"),
        ({"image": "{namespace}/{project}:{commit_sha.__class__}"}, "must be a name and a tag"),
        ({"image": "{namespace[0]}/{project}:{commit_sha}"}, "must be a name and a tag"),
        ({"image": "{namespace}/{project}:{commit_sha!r}"}, "must be a name and a tag"),
        ({"image": "{namespace}/{project}:{commit_sha:>999999999}"}, "must be a name and a tag"),
        ({"image": "{namespace}/{project}:{commit_sha:{project}}"}, "must be a name and a tag"),
        ({"image": "{}/{project}:{commit_sha}"}, "must be a name and a tag"),
        ({"image": "{namespace/{project}:{commit_sha}"}, "must be a name and a tag"),
        ({"image": "-v/{project}:{commit_sha}"}, "must be a name and a tag"),
        ({"image": "{namespace}/Project:{commit_sha}"}, "must be a name and a tag"),
    ],
)
def test_a_mistake_at_a_git_host_is_a_sentence(changed, sentence):
    entry = {"url": "https://gitlab.example.org", "provider": "gitlab", **changed}
    with pytest.raises(ConfigError, match=sentence) as raised:
        read_git_hosts([entry])
    assert str(raised.value).startswith("c.Launcher.git_hosts[0].")
    assert "canary" not in str(raised.value)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("https://a.example", "must be a list of addresses"),
        ([1], r"\[0\] must be an address, or a dictionary"),
        (["a.example"], r"\[0\] must be an address such as"),
        ([{"url": "http://a.example"}], r"\[0\]\.url must begin with https://"),
        ([{"name": "a"}], r"\[0\] has the unknown key .name."),
        ([{"url": "https://10.0.0.1"}], r"\[0\]\.url has an address of a private network"),
        ([{"url": "https://a.example", "allow_private": 1}], r"\.allow_private must be True or"),
        ([{"url": "https://a.example", "ca_file": 1}], r"\.ca_file must be text"),
        ([{"url": "https://a.example", "ca_file": "/none"}], r"\.ca_file must be a readable file"),
        ([{"url": "https://a.example", "token_service": "b"}], r"\.token_service must be an"),
        (["https://a.example", "https://A.example:443/"], r"\[1\] is .* which another entry has"),
        ([{"url": "https://r.example", "ca_file": ""}], "the registry of a git host"),
    ],
)
def test_a_mistake_in_the_list_of_registries_is_a_sentence(value, sentence):
    host = {"url": "https://g.example", "provider": "gitlab", "registry": "https://r.example"}
    with pytest.raises(ConfigError, match=sentence) as raised:
        read_registries(value, read_git_hosts([host]))
    assert str(raised.value).startswith("c.Launcher.image_registries")
