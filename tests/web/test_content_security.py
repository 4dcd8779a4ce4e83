"""The Content-Security-Policy of each kind of page."""

import pytest

from launcher.web import content_security


def directives(policy):
    """The sources of each directive."""
    return {name: rest for name, _, rest in (each.partition(" ") for each in policy.split("; "))}


POLICIES = {
    "nothing": content_security.NO_PAGE,
    "Swagger UI": content_security.SWAGGER_UI,
    "preview": content_security.PREVIEW,
    "page": content_security.page(),
    "page with a frame": content_security.page(frame=True),
}


@pytest.mark.parametrize("policy", POLICIES.values(), ids=POLICIES)
def test_nothing_is_loaded_that_is_not_named(policy):
    found = directives(policy)
    assert found["default-src"] == "'none'"
    assert found["base-uri"] == "'none'"
    assert "unsafe-eval" not in policy
    assert "http" not in policy
    assert "*" not in policy


@pytest.mark.parametrize("frame", [False, True])
def test_a_page_runs_only_scripts_of_its_own_files_and_is_never_framed(frame):
    policy = content_security.page(frame=frame)
    found = directives(policy)
    assert found["script-src"] == found["style-src"] == found["connect-src"] == "'self'"
    assert found["form-action"] == "'self'"
    assert found["frame-ancestors"] == "'none'"
    assert "unsafe-inline" not in policy
    assert found.get("frame-src") == ("'self'" if frame else None)


def test_a_preview_has_no_origin_and_no_scripts():
    found = directives(content_security.PREVIEW)
    assert found["sandbox"] == "", "no permission is given back"
    assert "script-src" not in found
    assert found["style-src"] == "'self'"
    assert found["img-src"] == "data:"
    assert found["form-action"] == "'none'"
    assert found["frame-ancestors"] == "'self'"
