"""One run of `launcher doctor`."""

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace

import click

from launcher import config
from launcher.cli._terminal import prepare
from launcher.cli.doctor import output
from launcher.cli.doctor.checks import CHECKS, CheckModule
from launcher.cli.doctor.checks.configuration import unusable
from launcher.cli.doctor.results import Result, Skip, skipped
from launcher.cli.doctor.site import Site, open_site
from launcher.config import Launcher
from launcher.configured import Configured, ConfiguredProjects
from launcher.errors import ConfigError

OK, FAILED, UNUSABLE = 0, 1, 4


def run(*, as_json: bool, url: str, user: str) -> int:
    """Make all checks and print what they found; returns the exit status."""
    prepare()
    try:
        settings = config.load()
        projects = _projects(settings)
    except ConfigError as error:
        return _refuse(unusable(str(error)), as_json=as_json)
    with _without_log():
        results = asyncio.run(_run(settings, projects, as_json=as_json, url=url, user=user))
    if as_json:
        click.echo(output.document(results))
    else:
        output.show_summary(results)
    return OK if output.is_ok(results) else FAILED


def _projects(settings: Launcher) -> ConfiguredProjects:
    """Check the settings as the service does when it starts; raises ConfigError."""
    # gunicorn too imports a site's own classes from the working directory
    sys.path.insert(0, os.getcwd())
    return Configured.read(settings).projects


@contextmanager
def _without_log() -> Iterator[None]:
    """Discard log messages: the results contain the same information."""
    log = logging.getLogger("launcher")
    propagates, quiet = log.propagate, logging.NullHandler()
    log.addHandler(quiet)
    log.propagate = False
    try:
        yield
    finally:
        log.propagate = propagates
        log.removeHandler(quiet)


def _refuse(result: Result, *, as_json: bool) -> int:
    if as_json:
        click.echo(output.document([result]))
    else:
        output.show_refusal(result)
    return UNUSABLE


async def _run(
    settings: Launcher, projects: ConfiguredProjects, *, as_json: bool, url: str, user: str
) -> list[Result]:
    found = []
    async with open_site(settings, projects, url=url, user=user) as site:
        async for result in _results(site):
            if not as_json:
                output.show(result)
            found.append(result)
    return found


async def _results(site: Site) -> AsyncIterator[Result]:
    progress = output.progress()
    for check in CHECKS:
        with progress(check.NAME):
            result = await _result(check, site)
        yield output.cleaned(replace(result, name=check.NAME), site.settings.api_token)


async def _result(check: CheckModule, site: Site) -> Result:
    try:
        return await check.check(site)
    except Skip as reason:
        return skipped(str(reason))
