#!/usr/bin/env python3
"""Receives the launcher's webhooks, and prints each event as a line of JSON.

WEBHOOK_SECRET=whsec_… python3 webhook_receiver.py 8080

It needs nothing but Python. `verify` is what a receiver of your own needs, too. The requests are
those of Standard Webhooks (https://www.standardwebhooks.com); put a proxy with https in front.
"""

import base64
import hashlib
import hmac
import os
import sys
import threading
import time
from collections import OrderedDict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOLERANCE_SECONDS = 300
MOST_BYTES = 128 * 1024
MOST_IDS = 10_000


def verify(key, headers, body, now):
    """Whether the launcher sent the request, at most TOLERANCE_SECONDS from now.

    `headers` has a method `get`; `body` is the bytes as they were received.
    """
    message_id = headers.get("webhook-id", "")
    timestamp = headers.get("webhook-timestamp", "")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= 12):
        return False
    if abs(now - int(timestamp)) > TOLERANCE_SECONDS:
        return False
    signed = f"{message_id}.{timestamp}.".encode("utf-8", "surrogateescape") + body
    expected = b"v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256))
    # several signatures are separated by spaces
    found = headers.get("webhook-signature", "").encode("utf-8", "surrogateescape").split(b" ")
    return any(hmac.compare_digest(each, expected) for each in found)


class SeenIds:
    """The ids of the last requests that were handled."""

    def __init__(self, most=MOST_IDS):
        """Keep `most` of them."""
        self._most = most
        self._ids = OrderedDict()

    def __contains__(self, message_id):
        """Whether the request was handled already."""
        return message_id in self._ids

    def add(self, message_id):
        """Remember a request."""
        self._ids[message_id] = None
        while len(self._ids) > self._most:
            self._ids.popitem(last=False)


class Receiver(ThreadingHTTPServer):
    """A server that handles each event once."""

    daemon_threads = True

    def __init__(self, address, key):
        """Listen on an address; `key` is the bytes of the secret."""
        super().__init__(address, Handler)
        self.key = key
        self.seen = SeenIds()
        self.lock = threading.Lock()

    def handle_event(self, body):
        """What your site does with an event; an exception makes the launcher send it again."""
        print(body.decode("utf-8"), flush=True)


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    timeout = 10

    def do_POST(self):
        """Handle an event: 204, or why not."""
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()):
            return self.answer(411)
        if len(length) > 9 or int(length) > MOST_BYTES:
            return self.answer(413)
        body = self.rfile.read(int(length))
        if not verify(self.server.key, self.headers, body, time.time()):
            return self.answer(401)
        message_id = self.headers["webhook-id"]
        with self.server.lock:
            if message_id in self.server.seen:
                return self.answer(409)
            self.server.handle_event(body)
            # not earlier: what failed is sent again with the same id
            self.server.seen.add(message_id)
        return self.answer(204)

    def do_GET(self):
        """Nothing is shown here."""
        self.answer(405)

    def answer(self, status):
        """Send a response without a body."""
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True


def main():
    """Receive webhooks on this machine until interrupted."""
    secret = os.environ["WEBHOOK_SECRET"]
    key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8080
    with Receiver(("127.0.0.1", port), key) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
