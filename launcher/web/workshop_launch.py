"""The report of a launch for all participants of a workshop."""

import time
from contextlib import suppress
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from launcher import urls
from launcher.errors import Ended
from launcher.parts import Parts
from launcher.web import pages
from launcher.web.teaching import viewer_of
from launcher.web.visitors import Visitor, changing, required
from launcher.workshops.class_launches import ClassReport, state_of

# of a launch for all
STATES = {
    "waiting": "Waiting for its time",
    "running": "Under way",
    "done": "Finished",
    "failed": "Failed",
    "cancelled": "Cancelled",
}
# of a participant
STATES_OF_MEMBER = {
    "waiting": "Not begun",
    "queued": "Waiting for a place",
    "starting": "Server is starting",
    "uploading": "Notebook is being written",
    "done": "Ready",
    "failed": "Failed",
    "cancelled": "Cancelled",
}


def routes(path: str) -> list[BaseRoute]:
    """The routes of the report, below the path of a workshop's page."""
    one = f"{path}/launches/{{launch_id}}"
    return [
        Route(one, pages.shown(show), methods=["GET"]),
        Route(f"{one}/now", pages.shown(now)),
        Route(f"{one}/cancel", pages.shown(cancel), methods=["POST"]),
    ]


async def show(request: Request) -> Response:
    """The report, which its script keeps up to date."""
    return await _page(request, "workshop_launch.html")


async def now(request: Request) -> Response:
    """What changes on the page."""
    return await _page(request, "workshop_launch_now.html")


async def cancel(request: Request) -> Response:
    """Cancel what has not begun; what has ended meanwhile stays as it is."""
    visitor, _ = await changing(request)
    parts: Parts = request.state.parts
    with suppress(Ended):
        await parts.class_launches.cancel(*_asked(request, visitor))
    workshop, launch = _names(request)
    return pages.redirect(request, "home", "workshops", workshop, "launches", launch)


async def _page(request: Request, template: str) -> Response:
    visitor = await required(request)
    parts: Parts = request.state.parts
    report = await parts.class_launches.report(*_asked(request, visitor))
    return pages.page(
        request,
        template,
        visitor=visitor,
        report=report,
        state=state_of(report.launch),
        states=STATES,
        words={**STATES_OF_MEMBER, **({"done": "Has a copy"} if report.launch.notebook else {})},
        now=time.time(),
        opened=sum(each.is_open is True for each in report.members),
        busy=_is_busy(report),
        workshop_address=urls.join(
            parts.settings.prefix, "home", "workshops", report.launch.workshop
        ),
    )


def _is_busy(report: ClassReport) -> bool:
    """Whether it changes: also when it has ended, participants open and close the notebook."""
    return report.launch.ended_at is None or report.launch.notebook is not None


def _asked(request: Request, visitor: Visitor) -> tuple[Any, ...]:
    return viewer_of(request, visitor), visitor.identity, *_names(request)


def _names(request: Request) -> tuple[str, str]:
    return str(request.path_params["workshop"]), str(request.path_params["launch_id"])
