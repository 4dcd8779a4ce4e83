"""Tag `shortcuts`: one path per experiment; the body has the parameters next to `notebook`."""

from typing import Any

from launcher.api import Answer
from launcher.api.opening import open_notebook
from launcher.hub.users import Identity


async def hello(body: dict[str, Any], user: Identity) -> Answer:
    """Launch the experiment `hello`."""
    return await _launch("hello", body, user)


async def opendap(body: dict[str, Any], user: Identity) -> Answer:
    """Launch the experiment `opendap`."""
    return await _launch("opendap", body, user)


async def threeclickscience(body: dict[str, Any], user: Identity) -> Answer:
    """Launch the experiment `threeclickscience`."""
    return await _launch("threeclickscience", body, user)


async def bmi(body: dict[str, Any], user: Identity) -> Answer:
    """Launch the experiment `bmi`."""
    return await _launch("bmi", body, user)


async def assessment(body: dict[str, Any], user: Identity) -> Answer:
    """Launch the experiment `assessment`."""
    return await _launch("assessment", body, user)


async def _launch(experiment: str, body: dict[str, Any], user: Identity) -> Answer:
    parameters = {name: value for name, value in body.items() if name != "notebook"}
    return await open_notebook(experiment, body["notebook"], parameters, user, pointer="")
