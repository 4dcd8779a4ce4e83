"""Tells the log when the database went away and when it is back, once each."""

import logging
import time

log = logging.getLogger("launcher")

# what fails now and then makes a line for the whole of it, not one for every change
QUIET_SECONDS = 6.0


class Outage:
    """Whether the database can be used, as this process found it."""

    def __init__(self) -> None:
        self._since = 0.0
        self._last_failure = 0.0
        self._reads_too = False

    def failed(self, reason: str, *, writing: bool) -> None:
        """Take note of a unit of work that the database did not do; `reason` is for the log."""
        self._last_failure = time.monotonic()
        if not self._since:
            self._since, self._reads_too = self._last_failure, True
            log.error("the database cannot be used", extra={"reason": reason})
        # a database that is full can be read
        self._reads_too = self._reads_too and not writing

    def succeeded(self, *, writing: bool) -> None:
        """Take note of one that it did."""
        now = time.monotonic()
        if not self._since or now - self._last_failure < QUIET_SECONDS:
            return
        if writing or self._reads_too:
            seconds = round(now - self._since, 1)
            log.warning("the database can be used again", extra={"seconds": seconds})
            self._since = 0.0
