"""Builds the parts of workshops."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from launcher.config import Launcher
from launcher.contents import Contents
from launcher.hub import Hub
from launcher.launches.engine import LaunchEngine
from launcher.outbound import Session
from launcher.rendering import Renderer
from launcher.store import Store
from launcher.web import static_files
from launcher.workshops import webhooks
from launcher.workshops.class_launches import ClassLaunches
from launcher.workshops.class_runner import ClassRunner
from launcher.workshops.commands import OnEventCommand
from launcher.workshops.counting import Counting
from launcher.workshops.dashboards import Dashboards
from launcher.workshops.deliveries import Deliveries
from launcher.workshops.events import Events, KeptOfUser
from launcher.workshops.export import Exports
from launcher.workshops.functions import OnEventFunction
from launcher.workshops.material import Material
from launcher.workshops.notebooks import Notebooks
from launcher.workshops.open_notebooks import OpenNotebooks
from launcher.workshops.reactions import Reaction
from launcher.workshops.registry import Workshops
from launcher.workshops.retention import Retention
from launcher.workshops.stream import EventFeed

Task = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True)
class WorkshopParts:
    """The parts of workshops in one worker, and its background tasks for them."""

    events: Events
    event_feed: EventFeed
    notebooks: Notebooks
    workshops: Workshops
    dashboards: Dashboards
    exports: Exports
    material: Material
    class_launches: ClassLaunches
    tasks: list[Task]


def build(
    settings: Launcher,
    database: Store,
    hub: Hub,
    renderer: Renderer,
    contents: Contents,
    launches: LaunchEngine,
    *,
    worker_id: str,
    to_webhooks: Session,
    stopping: Callable[[], bool],
) -> WorkshopParts:
    """Build the parts; `stopping` says whether this worker is shutting down."""
    workshops = Workshops(database, hub)
    material = Material(database, contents, workshops)
    counting = Counting(database, renderer)
    deliveries = Deliveries(database, _reactions(settings, to_webhooks), worker_id=worker_id)
    runner = ClassRunner(
        database,
        hub,
        workshops,
        material,
        launches,
        worker_id=worker_id,
        max_queued=settings.max_queued,
    )
    dashboards = Dashboards(database, workshops)
    notebooks = Notebooks(database, renderer)
    tasks: list[Task] = [counting.run, Retention(database, workshops).run, runner.run]
    if deliveries.is_used:
        tasks.append(deliveries.run)
    return WorkshopParts(
        events=Events(database, _bounds(settings), counting, deliveries),
        event_feed=EventFeed(database, stopping),
        notebooks=notebooks,
        workshops=workshops,
        dashboards=dashboards,
        exports=Exports(dashboards, notebooks, static_files.OWN / "notebook.css"),
        material=material,
        class_launches=ClassLaunches(
            database,
            workshops,
            material,
            launches,
            OpenNotebooks(contents),
            lead=settings.prewarm_lead,
        ),
        tasks=tasks,
    )


def _reactions(settings: Launcher, to_webhooks: Session) -> list[Reaction]:
    """What happens on events."""
    found: list[Reaction] = list(webhooks.read(settings.webhooks, to_webhooks))
    seconds = settings.on_event_timeout
    if callable(settings.on_event):
        found.append(OnEventFunction(settings.on_event, seconds=seconds))
    elif settings.on_event:
        account = {"path": settings.program_path, "home": settings.variable("HOME") or "/"}
        found.append(OnEventCommand(settings.on_event, **account, seconds=seconds))
    return found


def _bounds(settings: Launcher) -> KeptOfUser:
    return KeptOfUser(
        events=settings.max_events_per_user,
        events_per_minute=settings.max_events_per_minute,
        saves=settings.max_saves_per_notebook,
        notebook=settings.max_saved_notebook,
        bytes=settings.max_saved_bytes_per_user,
    )
