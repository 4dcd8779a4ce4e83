"""Tag `classic`: one path per experiment, whose body holds the parameters beside `notebook`."""

from typing import Any

from launcher.api.experiments import Answer, open_notebook


async def hello(body: dict[str, Any], token_info: dict[str, Any]) -> Answer:
    """Launch the experiment `hello`."""
    return await _launch("hello", body, token_info)


async def opendap(body: dict[str, Any], token_info: dict[str, Any]) -> Answer:
    """Launch the experiment `opendap`."""
    return await _launch("opendap", body, token_info)


async def threeclickscience(body: dict[str, Any], token_info: dict[str, Any]) -> Answer:
    """Launch the experiment `threeclickscience`."""
    return await _launch("threeclickscience", body, token_info)


async def bmi(body: dict[str, Any], token_info: dict[str, Any]) -> Answer:
    """Launch the experiment `bmi`."""
    return await _launch("bmi", body, token_info)


async def assessment(body: dict[str, Any], token_info: dict[str, Any]) -> Answer:
    """Launch the experiment `assessment`."""
    return await _launch("assessment", body, token_info)


async def _launch(experiment: str, body: dict[str, Any], token_info: dict[str, Any]) -> Answer:
    parameters = {name: value for name, value in body.items() if name != "notebook"}
    return await open_notebook(experiment, body["notebook"], parameters, token_info, pointer="")
