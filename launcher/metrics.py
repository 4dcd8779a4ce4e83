"""What the service counts, for Prometheus; its processes count together where they share a folder.

Every label has few values: no user, path, address or experiment is in one.
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
# from an answer out of memory to a server's start as long as the launcher waits for one
SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
PHASES = ("queue", "start", "ready", "upload")
# a stranger may make up a method, and a user's server a status
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
STATUSES = frozenset({"none", *(str(int(status)) for status in HTTPStatus)})

Gauges = Mapping[str, float | Mapping[str, float]]
"""What is asked for at every scrape: a number, or one for each state."""

_GAUGES = {
    "launcher_launches_in_flight": "Launches that have not ended, by state.",
    "launcher_starts_queued": "Servers that wait for their start.",
    "launcher_starts_in_flight": "Servers that are being started.",
    "launcher_starts_limit": "How many servers may be started at the same moment.",
    "launcher_starts_failed_in_a_row": "Starts that failed since the last one that did not.",
    "launcher_start_cooldowns": "Users whose next start waits because their last ones failed.",
    "launcher_breaker_state": "1 for the state that the breaker of starts is in, 0 for others.",
}


class Metrics:
    """Counters and histograms, and the page of text that tells them."""

    def __init__(self, folder: str = "") -> None:
        """`folder` is what PROMETHEUS_MULTIPROC_DIR named when this process began, if anything."""
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
        self._retries = counter("launcher_retries", "What was tried once more.", ["what"])
        self._takeovers = counter(
            "launcher_takeovers", "Launches that were taken over from a process that died."
        )
        self._upstream = counter(
            "launcher_upstream_requests",
            "Calls to the hub and to users' servers; status none: no answer came.",
            ["kind", "status"],
        )
        self._upstream_seconds = histogram(
            "launcher_upstream_request_seconds", "How long those took, their answer read.", ["kind"]
        )
        self._requests = histogram(
            "launcher_request_seconds",
            "How long requests waited for their answer; handler none: no operation of the API.",
            ["method", "handler", "code"],
        )
        self._declare()

    def _declare(self) -> None:
        """Have what is known beforehand tell 0: the first increase of a new series is not seen."""
        for result in ("done", "cancelled", *errors.slugs()):
            self._launches.labels(result)
        for phase in PHASES:
            self._phases.labels(phase)

    def launch_ended(self, result: str) -> None:
        """Count a launch: `done`, `cancelled`, or the slug of the problem that it failed with."""
        self._launches.labels(result).inc()

    def phase_took(self, phase: str, seconds: float) -> None:
        """Count a phase that a launch has gone through, one of PHASES."""
        self._phases.labels(phase).observe(seconds)

    def retried(self, what: str) -> None:
        """Count something that is tried once more."""
        self._retries.labels(what).inc()

    def takeover(self) -> None:
        """Count a launch that this process took over from one that died."""
        self._takeovers.inc()

    def upstream(self, kind: str, status: str, seconds: float) -> None:
        """Count a call to another program, such as `hub.start`."""
        self._upstream.labels(kind, status if status in STATUSES else "other").inc()
        self._upstream_seconds.labels(kind).observe(seconds)

    def request(self, method: str, handler: str, code: int, seconds: float) -> None:
        """Count a request that was answered, by an operation such as `experiments.launch`."""
        method = method if method in METHODS else "other"
        self._requests.labels(method, handler, str(code)).observe(seconds)

    def text(self, gauges: Gauges) -> bytes:
        """Everything, of every process, with these gauges; of media type MEDIA_TYPE.

        Of this process alone, when it found no space to count in. Reads files: not for the event
        loop.
        """
        counted = self._own if metric_files.counts_alone() else self._shared
        return write(_Page(counted, gauges))


class _Page(Collector):
    """What one scrape is told."""

    def __init__(self, counted: Collector, gauges: Gauges) -> None:
        self._counted = counted
        self._gauges = gauges

    def collect(self) -> Iterator[Metric]:
        """The families of metrics, one after the other."""
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
