"""Metrics for Prometheus; workers count together if they share a folder.

Every label has few values: none is a user, a path, an address or an experiment.
"""

from collections.abc import Iterator, Mapping
from functools import partial
from http import HTTPStatus

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram
from prometheus_client import generate_latest as write
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

import launcher
from launcher import errors, metric_files

MEDIA_TYPE = CONTENT_TYPE_LATEST
# from a response out of memory to the longest start of a server
SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
PHASES = ("queue", "start", "ready", "upload")
# known values only: any client may invent a method, and a user's server a status
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
STATUSES = frozenset({"none", *(str(int(status)) for status in HTTPStatus)})

Gauges = Mapping[str, float | Mapping[str, float]]
"""Values at the time of a scrape: a number, or one for each state."""

_GAUGES = {
    "launcher_launches_in_flight": "Launches that have not ended, by state.",
    "launcher_starts_queued": "Servers that wait for their start.",
    "launcher_starts_in_flight": "Servers that are being started.",
    "launcher_starts_limit": "How many servers may be started at the same moment.",
    "launcher_starts_failed_in_a_row": "Starts that failed since the last success.",
    "launcher_start_cooldowns": "Servers whose next start waits because their last ones failed.",
    "launcher_breaker_state": "1 for the state that the breaker of starts is in, 0 for others.",
}


class Metrics:
    """Counters and histograms, and their text format."""

    def __init__(self, folder: str = "") -> None:
        """`folder` is PROMETHEUS_MULTIPROC_DIR at the start of this process, '' without one."""
        if folder:
            metric_files.install()
        own = self._own = CollectorRegistry()
        self._shared: Collector = MultiProcessCollector(None, folder) if folder else own
        counter = partial(Counter, registry=own)
        histogram = partial(Histogram, registry=own, buckets=SECONDS)
        self._launches = counter("launcher_launches", "Launches that ended.", ["result"])
        self._phases = histogram(
            "launcher_launch_phase_seconds", "How long launches spent in a phase.", ["phase"]
        )
        self._retries = counter("launcher_retries", "Operations that were retried.", ["what"])
        self._takeovers = counter(
            "launcher_takeovers", "Launches that were taken over from a worker that died."
        )
        self._upstream = counter(
            "launcher_upstream_requests",
            "Requests to the hub and to users' servers; status none: no response.",
            ["kind", "status"],
        )
        self._upstream_seconds = histogram(
            "launcher_upstream_request_seconds",
            "Duration of requests to the hub and to users' servers, with their response.",
            ["kind"],
        )
        self._requests = histogram(
            "launcher_request_seconds",
            "Time until the response begins; handler none: no operation of the API.",
            ["method", "handler", "code"],
        )
        self._declare()

    def _declare(self) -> None:
        """Initialize known series with 0: Prometheus misses the first increase of a new series."""
        for result in ("done", "cancelled", *errors.slugs()):
            self._launches.labels(result)
        for phase in PHASES:
            self._phases.labels(phase)

    def launch_ended(self, result: str) -> None:
        """Count a launch that ended: `done`, `cancelled`, or the slug of its problem."""
        self._launches.labels(result).inc()

    def phase_took(self, phase: str, seconds: float) -> None:
        """Count the duration of one of PHASES of a launch."""
        self._phases.labels(phase).observe(seconds)

    def retried(self, what: str) -> None:
        """Count an operation that is retried."""
        self._retries.labels(what).inc()

    def takeover(self) -> None:
        """Count a launch that this worker took over from one that died."""
        self._takeovers.inc()

    def upstream(self, kind: str, status: str, seconds: float) -> None:
        """Count a request to another service, of a kind such as `hub.start`."""
        self._upstream.labels(kind, status if status in STATUSES else "other").inc()
        self._upstream_seconds.labels(kind).observe(seconds)

    def request(self, method: str, handler: str, code: int, seconds: float) -> None:
        """Count a request; `handler` is an operation such as `experiments.launch`."""
        method = method if method in METHODS else "other"
        self._requests.labels(method, handler, str(code)).observe(seconds)

    def text(self, gauges: Gauges) -> bytes:
        """All metrics of all workers, with these gauges, as MEDIA_TYPE.

        Of this worker only, if it found no disk space. Reads files, so do not call it in the event
        loop.
        """
        counted = self._own if metric_files.counts_in_memory() else self._shared
        return write(_Page(counted, gauges))


class _Page(Collector):
    """The metrics of one scrape."""

    def __init__(self, counted: Collector, gauges: Gauges) -> None:
        self._counted = counted
        self._gauges = gauges

    def collect(self) -> Iterator[Metric]:
        """Yield the metric families."""
        version = GaugeMetricFamily("launcher_build_info", "The version.", labels=["version"])
        version.add_metric([launcher.__version__], 1)
        yield version
        for name, value in self._gauges.items():
            yield _gauge(name, value)
        yield from self._counted.collect()


def _gauge(name: str, value: float | Mapping[str, float]) -> Metric:
    if not isinstance(value, Mapping):
        return GaugeMetricFamily(name, _GAUGES[name], value)
    family = GaugeMetricFamily(name, _GAUGES[name], labels=["state"])
    for state, number in value.items():
        family.add_metric([state], number)
    return family
