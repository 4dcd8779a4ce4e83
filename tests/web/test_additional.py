"""A site's own routes beside those of the launcher."""

import pytest
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from launcher.errors import ConfigError


async def status(request):
    return PlainTextResponse("all is well")


@pytest.mark.parametrize("prefix", ["/", "/services/launcher/"])
def test_they_are_below_the_launchers_address(start_app, alice, prefix):
    site = start_app(
        base_path=prefix,
        additional_handlers=[
            Route("/status", status),
            Mount("/more", routes=[Route("/s", status)]),
        ],
    )
    for path in ("status", "more/s"):
        answer = site.get(f"{prefix}{path}")
        assert answer.text == "all is well"
        assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert site.get(f"{prefix}user", headers=alice.auth).json()["name"] == alice.name
    assert site.get(f"{prefix}more/nothing").status_code == 404
    assert site.get(f"{prefix}nothing").headers["content-type"] == "application/problem+json"


def test_they_leave_other_methods_of_a_path_to_the_api(start_app, alice):
    site = start_app(additional_handlers=[Route("/launches", status)])
    assert site.get("/launches").text == "all is well"
    answer = site.post("/launches", json={}, headers=alice.auth)
    assert answer.status_code == 200, answer.text


def test_something_else_than_a_route_is_told_at_the_start(start_app):
    with pytest.raises(ConfigError, match="additional_handlers"):
        start_app(additional_handlers=[("/status", status)])
