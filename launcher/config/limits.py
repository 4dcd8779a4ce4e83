"""Settings that bound times, numbers and starts."""

from traitlets import Integer
from traitlets.config import Configurable


class LimitSettings(Configurable):
    """The limits of the launcher."""

    start_timeout = Integer(
        300, min=1, help="Seconds after the request to start a server, until it has to be ready."
    ).tag(config=True)
    wait_timeout = Integer(
        300,
        min=0,
        help="""Maximum seconds that a request waits for the end of its launch. Then it is answered
        with 202, and the launch continues.""",
    ).tag(config=True)
    max_starts = Integer(
        20,
        min=1,
        help="""Maximum number of servers that start at the same moment. The launcher starts fewer
        while the hub answers 429. If servers run on other machines than the hub, use the hub's
        concurrent_spawn_limit (100).""",
    ).tag(config=True)
    hub_failure_limit = Integer(
        0,
        min=0,
        help="""The hub's c.Spawner.consecutive_failure_limit: after this number of failed starts in
        a row the hub exits. 0: the hub has no limit, which is its default; the Kubernetes charts
        have 5. The failures in a row plus the starts in flight stay below it until a start
        succeeds.""",
    ).tag(config=True)
    start_cooldown = Integer(
        10,
        min=0,
        help="""Seconds that a server waits after a failed start. Doubled with each failure in a
        row, up to ten minutes. 0: no wait.""",
    ).tag(config=True)
    breaker_seconds = Integer(
        60,
        min=0,
        help="""Seconds that the breaker stays open after the starts of three users failed in a row;
        then one start is tried. Doubled each time that it fails: up to one and a half times this
        value, or up to ten times with hub_failure_limit. 0: the breaker never opens, and only
        hub_failure_limit restricts starts.""",
    ).tag(config=True)
    max_launches_per_user = Integer(
        100, min=1, help="Launches of one user that may be under way. Further ones get 429."
    ).tag(config=True)
    max_launches_per_minute = Integer(
        300, min=1, help="Launches that one user may start within a minute. Further ones get 429."
    ).tag(config=True)
    upload_timeout = Integer(
        120,
        min=5,
        help="""Maximum seconds of the upload to a user's server that runs. Then the launch fails as
        server-unresponsive.""",
    ).tag(config=True)
    max_queued = Integer(
        1000, min=1, help="Servers that may wait for their start. Further launches get 429."
    ).tag(config=True)
    queue_timeout = Integer(
        1800, min=1, help="Maximum seconds that a launch waits in the queue of starts."
    ).tag(config=True)
    max_streams_per_user = Integer(
        20,
        min=1,
        help="""Event streams that a user may have open in one worker process. Further ones get
        429.""",
    ).tag(config=True)
    launch_retention_days = Integer(
        30, min=1, help="Days that launches are kept in the database after their end."
    ).tag(config=True)
    hub_patience = Integer(
        60, min=0, help="Seconds that a launch waits for a hub that is away, as during a restart."
    ).tag(config=True)
    identity_seconds = Integer(
        60, min=0, max=300, help="Seconds that a checked token or password is cached."
    ).tag(config=True)
    max_failed_logins = Integer(
        10, min=1, help="Maximum wrong passwords per user name, client address and minute."
    ).tag(config=True)
    max_failed_logins_per_address = Integer(
        100,
        min=1,
        help="""Wrong passwords per client address and minute, over all user names. A classroom may
        share one address.""",
    ).tag(config=True)
    max_unknown_tokens_per_address = Integer(
        300, min=1, help="Maximum unknown tokens per client address and minute."
    ).tag(config=True)
