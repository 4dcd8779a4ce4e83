"""Settings of workshops."""

from traitlets import Any, Integer, List, Unicode
from traitlets.config import Configurable

MEBIBYTE = 1024**2
# a body of openapi.yaml has at most 16 MiB, in which base64 takes four bytes for three
MOST = 11 * MEBIBYTE


class WorkshopSettings(Configurable):
    """Who teaches, and what is kept of participants' notebooks."""

    teacher_groups = List(
        Unicode(),
        help="""Groups of the hub whose members are teachers: they see the events and notebooks of
        all users.""",
    ).tag(config=True)
    workshop_retention_days = Integer(
        30, min=1, help="Days that events and saves of notebooks are kept."
    ).tag(config=True)
    max_events_per_user = Integer(
        1000,
        min=1,
        help="""Events that are kept of one user: one for each type and path. Further ones get
        429.""",
    ).tag(config=True)
    max_events_per_minute = Integer(
        240,
        min=1,
        help="""Events that one participant may report within a minute, to each worker. Further ones
        get 429, and the save hook sends them again later.""",
    ).tag(config=True)
    max_saves_per_notebook = Integer(
        20, min=1, help="Saves that are kept of one notebook; the oldest ones are deleted."
    ).tag(config=True)
    max_saved_notebook = Integer(
        10 * MEBIBYTE,
        min=0,
        max=MOST,
        help="""Bytes of a saved notebook, compressed. Of larger ones, only the event is kept.
        0: no notebooks are kept.""",
    ).tag(config=True)
    max_saved_bytes_per_user = Integer(
        200 * MEBIBYTE,
        min=MOST,
        help="""Bytes of all saved notebooks of one user, compressed. The oldest saves are
        deleted.""",
    ).tag(config=True)
    # of any type: an error of traitlets would show the value, and so the secrets in it
    on_event = Any(
        help="""What happens on an event: a command as a list of arguments, such as
        `["/srv/build", "--notebook"]`, or a function with one argument, the event as the API shows
        it. A function with `async def` runs in an event loop of its own. Default: nothing.""",
    ).tag(config=True)
    on_event_timeout = Integer(
        60, min=1, help="How many seconds the command or the function may take."
    ).tag(config=True)
    webhooks = Any(
        [],
        help="""The webhooks to which events are sent: a list of dicts with `url` (https, or http to
        this machine), `secret` (`whsec_` and 24 to 64 bytes in base64), and optionally `types`, a
        list of types of events. Default: none. The requests are those of
        [Standard Webhooks](https://www.standardwebhooks.com).""",
    ).tag(config=True)
    prewarm_lead = Integer(
        900,
        min=0,
        max=86_400,
        help="""Seconds before the time at which the servers of a workshop's participants are to be
        ready: then the first of them is started.""",
    ).tag(config=True)
