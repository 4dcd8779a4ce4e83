"""The type image: which images users can select, from a list and from a service."""

import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import ssh_server
from ports import free_port

from launcher.entrypoints.configuration import read_types
from launcher.entrypoints.model import System
from launcher.entrypoints.types import images
from launcher.entrypoints.validators.none import NoValidator
from launcher.errors import BadRequest, OffersUnavailable
from launcher.spawn.errors import SpecificationError

SYSTEM = System("perlmutter", "Perlmutter", "perlmutter.nersc.gov")
LAB = "registry.example.org:5000/team/lab:2026.1"
PINNED = f"lab@sha256:{'0' * 64}"
JSON = "application/json"


class ImageServer(ThreadingHTTPServer):
    """Answers every request with the same body, and keeps the paths."""

    status, media_type, body, paths = 200, JSON, b"[]", ()
    headers = ()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def lists(self, *entries):
        self.body = json.dumps(entries).encode()


class Handler(BaseHTTPRequestHandler):
    """Sends the server's answer."""

    def do_GET(self):
        self.server.paths = (*self.server.paths, self.path)
        self.send_response(self.server.status)
        for name, value in self.server.headers:
            self.send_header(name, value)
        self.send_header("Content-Type", self.server.media_type)
        self.end_headers()
        self.wfile.write(self.server.body)

    def log_message(self, *_args):
        """Say nothing."""


@pytest.fixture
def service():
    with ImageServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def image_type(name="image", **keys):
    return read_types([{"name": name, **keys}])[name]


async def offered(kind, user="alice"):
    return [(offer.name, offer.data["image"]) for offer in await kind.options(user, SYSTEM)]


async def report_of(kind, image, user="alice"):
    return await kind.validate(user, SYSTEM, {"image": image}, NoValidator())


# the administrator's list


async def test_users_select_from_the_list_of_the_administrator():
    kind = image_type(images=[LAB, {"name": "The lab, pinned", "image": PINNED}])
    assert await offered(kind) == [(LAB, LAB), ("The lab, pinned", PINNED)]
    kind.check_data({"image": LAB})
    assert (await report_of(kind, PINNED)).result
    assert kind.specification({"image": LAB}).to_json() == {"version": 1, "image": LAB}


@pytest.mark.parametrize(
    "image",
    [
        "evil/x",
        f"{LAB} --privileged",
        "-v /:/h",
        "-oProxyCommand=id",
        "$(id)",
        "lab\n",
        "../lab",
        "",
        "x" * 256,
    ],
)
async def test_an_image_outside_of_the_list_starts_nothing(image):
    kind = image_type(images=[LAB])
    with pytest.raises(BadRequest, match=r"^data\.image must be (an|the name of an) ") as raised:
        kind.check_data({"image": image})
    assert [error["pointer"] for error in raised.value.errors] == ["/data/image"]
    report = await report_of(kind, image)
    assert not report.result
    assert report.message == "The image is not on this site's list; choose another one."
    with pytest.raises(SpecificationError, match="not on this site's list"):
        kind.specification({"image": image})


@pytest.mark.parametrize("more", ["cmd", "volumes", "privileged", "__class__", "environment"])
def test_nothing_but_the_image_can_be_set(more):
    with pytest.raises(BadRequest, match=f"data.{more} is not a field of this request"):
        image_type(images=[LAB]).check_data({"image": LAB, more: "x"})


@pytest.mark.parametrize("data", [{}, {"image": None}, {"image": [LAB]}, LAB])
def test_data_of_another_shape_are_refused(data):
    with pytest.raises(BadRequest):
        image_type(images=[LAB]).check_data(data)


def test_the_schema_lists_the_images():
    kind = image_type(images=[LAB, {"name": "Again", "image": LAB}, PINNED])
    assert kind.schema["properties"]["image"]["enum"] == [LAB, PINNED]


async def test_without_a_list_there_is_nothing_to_select():
    kind = image_type("shifter")
    assert await offered(kind) == []
    assert not (await report_of(kind, LAB)).result
    with pytest.raises(BadRequest, match="must be an image on this site's list"):
        kind.check_data({"image": LAB})


# the command prefix


def test_shifter_is_a_configuration_of_image():
    prefixed = ["shifter", f"--image={LAB}"]
    expected = {"version": 1, "command": {"argv": prefixed, "replaces": False}}
    shifter = image_type("shifter", images=[LAB])
    own = image_type(images=[LAB], command_prefix=["shifter", "--image={image}"])
    for kind in (shifter, own):
        assert kind.specification({"image": LAB}).to_json() == expected


def test_the_prefix_of_shifter_can_be_changed():
    kind = image_type(
        "shifter", images=[LAB], command_prefix=["shifter", "--module=gpu", "--image", "{image}"]
    )
    assert kind.specification({"image": LAB}).command.argv[1:] == ("--module=gpu", "--image", LAB)


# an image service


async def test_a_service_lists_the_images_of_a_user(service):
    service.lists(LAB, {"name": "Pinned", "image": PINNED, "size": 7})
    kind = image_type(image_service=f"{service.url}/images/{{system}}/?for={{user}}&all=1")
    assert await offered(kind, user="al/ice & bob") == [(LAB, LAB), ("Pinned", PINNED)]
    assert service.paths == ("/images/perlmutter/?for=al%2Fice+%26+bob&all=1",)
    assert (await report_of(kind, LAB)).result
    assert not (await report_of(kind, "evil/x")).result


async def test_a_list_of_the_administrator_comes_first(service):
    service.lists(PINNED)
    kind = image_type(images=[LAB], image_service=service.url)
    assert [image for _, image in await offered(kind)] == [LAB, PINNED]
    kind.check_data({"image": PINNED})


async def test_the_list_is_kept_for_a_minute_for_each_user(service):
    kind = image_type(image_service=f"{service.url}/{{user}}")
    service.lists(LAB)
    await offered(kind, "alice")
    service.lists(PINNED)
    assert await offered(kind, "alice") == [(LAB, LAB)]
    assert await offered(kind, "bob") == [(PINNED, PINNED)]
    assert service.paths == ("/alice", "/bob")
    assert images.CACHE_SECONDS == 60


async def test_many_users_at_once_cause_one_request(service):
    service.lists(LAB)
    kind = image_type(image_service=service.url)
    await asyncio.gather(*(offered(kind, f"user-{number}") for number in range(20)))
    assert service.paths == ("/",)


async def test_entries_that_are_no_images_are_left_out(service, written):
    service.lists(LAB, "-v /:/h", 7, None, {"name": "a"}, {"name": "a\nb", "image": LAB}, "")
    assert await offered(image_type(image_service=service.url)) == [(LAB, LAB)]
    assert "6 left out" in written.getvalue()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({"status": 500}, "status 500"),
        ({"status": 404, "body": b"[]"}, "status 404"),
        ({"status": 302, "headers": (("Location", "http://169.254.169.254/"),)}, "redirects"),
        ({"media_type": "text/html"}, "not with a JSON list"),
        ({"body": b"{}"}, "not a JSON list"),
        ({"body": b"not JSON"}, "not JSON"),
        ({"body": b"[" * 100_000}, "not JSON"),
        ({"body": b'"' + b"x" * 2**21 + b'"'}, "too large"),
        ({"body": json.dumps(["a"] * 5_001).encode()}, "at most 5,000"),
    ],
)
async def test_a_service_that_fails_is_named_and_nothing_starts(service, answer, why):
    for name, value in answer.items():
        setattr(service, name, value)
    kind = image_type(image_service=service.url)
    with pytest.raises(
        OffersUnavailable, match="The site's image service cannot be used"
    ) as raised:
        await kind.options("alice", SYSTEM)
    assert why in raised.value.detail
    assert service.url not in raised.value.detail
    report = await report_of(kind, LAB)
    assert not report.result
    assert report.message == raised.value.detail


async def test_the_log_has_the_reason_once_a_minute(service, written):
    service.status = 418
    kind = image_type(image_service=service.url)
    for _ in range(3):
        with pytest.raises(OffersUnavailable):
            await kind.options("alice", SYSTEM)
    assert written.getvalue().count("the image service cannot be used") == 1
    assert "status 418" in written.getvalue()


async def test_a_service_that_is_away_is_asked_again(service):
    kind = image_type(image_service=f"http://127.0.0.1:{free_port()}/")
    for _ in range(2):
        with pytest.raises(OffersUnavailable, match="the connection was refused"):
            await kind.options("alice", SYSTEM)


@pytest.mark.parametrize("behave", [ssh_server.silent, ssh_server.endless])
async def test_a_service_that_hangs_ends_in_time(tmp_path, behave):
    async with ssh_server.misbehaving(tmp_path, behave) as site:
        service = images.ImageService(f"http://127.0.0.1:{site.port}/", seconds=0.3)
        with pytest.raises(OffersUnavailable, match="used: it"):
            await service.images("alice", SYSTEM)


@pytest.mark.parametrize("user", ["..", ".", "%2e%2e", "a/b", "\x00"])
async def test_a_name_cannot_lead_to_another_path_of_the_service(service, user):
    kind = image_type(image_service=f"{service.url}/images/{{user}}/all")
    with pytest.raises(OffersUnavailable, match="a name cannot be a part of its address"):
        await kind.options(user, SYSTEM)
    assert service.paths == ()


def test_with_a_service_the_schema_still_refuses_options_of_commands(service):
    kind = image_type(image_service=service.url)
    kind.check_data({"image": LAB})
    for image in ("-v /:/h", "lab --privileged", "lab;id", "$(id)"):
        with pytest.raises(BadRequest, match="must be the name of an image, such as"):
            kind.check_data({"image": image})
