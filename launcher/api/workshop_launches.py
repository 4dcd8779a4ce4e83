"""Tag `workshop_launches`: launches for all participants of a workshop."""

from typing import Any

from launcher.api import Answer, here
from launcher.api.launch_resource import rfc3339
from launcher.api.opening import idempotency_key
from launcher.api.teaching import viewer_of
from launcher.hub.users import Identity
from launcher.store.workshop_launches import WorkshopLaunch
from launcher.workshops import class_launches, model
from launcher.workshops.class_launches import ReportedMember


async def list_all(workshop: str, user: Identity) -> dict[str, Any]:
    """The last launches for all participants of a workshop, newest first."""
    found = await here().class_launches.find_all(viewer_of(user), user, workshop)
    return {"launches": [_shown(each) for each in found]}


async def create(workshop: str, body: dict[str, Any], user: Identity) -> Answer:
    """Open a notebook for all participants at a time, or have their servers ready by then."""
    at = None
    if body.get("at") is not None:
        latest = model.now() + int(2 * class_launches.MOST_AHEAD) * model.MICROSECONDS
        latest_shown = "30 days from now"
        at = model.parse_time(body["at"], "at", most=latest, latest=latest_shown)
    made = await here().class_launches.create(
        viewer_of(user),
        user,
        workshop,
        notebook=body.get("notebook"),
        at=None if at is None else at / model.MICROSECONDS,
        key=idempotency_key(),
    )
    return _shown(made), 201


async def get(workshop: str, launch_id: str, user: Identity) -> dict[str, Any]:
    """What became of a launch for each participant."""
    report = await here().class_launches.report(viewer_of(user), user, workshop, launch_id)
    return {
        **_shown(report.launch),
        "counts": dict(report.counts),
        "members": [_member(each) for each in report.members],
    }


async def cancel(workshop: str, launch_id: str, user: Identity) -> dict[str, Any]:
    """Cancel what has not begun, and the launches that are under way."""
    cancelled = await here().class_launches.cancel(viewer_of(user), user, workshop, launch_id)
    return _shown(cancelled)


def _shown(launch: WorkshopLaunch) -> dict[str, Any]:
    return {
        "id": launch.id,
        "notebook": launch.notebook,
        "state": class_launches.state_of(launch),
        "at": rfc3339(launch.at),
        "begins_at": rfc3339(launch.begins_at),
        "created_by": launch.created_by,
        "created_at": rfc3339(launch.created_at),
        "begun_at": _time(launch.begun_at),
        "ended_at": _time(launch.ended_at),
        "cancelled_at": _time(launch.cancelled_at),
        "problem": launch.problem,
    }


def _member(reported: ReportedMember) -> dict[str, Any]:
    member = reported.member
    return {
        "user": member.user,
        "state": member.state,
        "launch_id": member.launch_id,
        "attempts": member.attempts,
        "problem": member.problem,
        "open": reported.is_open,
    }


def _time(seconds: float | None) -> str | None:
    return None if seconds is None else rfc3339(seconds)
