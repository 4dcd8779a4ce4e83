"""Runs in a batch job: reports a free port to the hub, and then becomes the server.

Its text is part of the job script, so it runs in any Python from 3.6 on, without packages.
"""

import json
import os
import shutil
import socket
import ssl
import sys
from http.client import HTTPConnection, HTTPSConnection
from urllib.parse import urlsplit


def main() -> None:
    """Run; `sys.argv` has the command of the server. Ends with a sentence when it cannot run."""
    command = sys.argv[1:]
    if shutil.which(command[0]) is None:
        sys.exit(f"The server cannot start: {command[0]!a} is not a program on this node.")
    port = free_port()
    status = report(port)
    if status != 201:
        sys.exit(f"The server cannot start: the hub answers the report of its port with {status}.")
    service = urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"])
    own = service._replace(netloc=f"{service.hostname}:{port}")
    os.environ["JUPYTERHUB_SERVICE_URL"] = own.geturl()
    os.execvp(command[0], command)  # noqa: S606


def free_port() -> int:
    """A port of this node that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("", 0))
        return int(listener.getsockname()[1])


def report(port: int) -> int:
    """Tell the hub, as batchspawner does; the status of its answer."""
    api = urlsplit(os.environ["JUPYTERHUB_API_URL"])
    connection = HTTPConnection(api.netloc, timeout=30)
    if api.scheme == "https":
        connection = HTTPSConnection(api.netloc, timeout=30, context=certificates())
    headers = {
        "Authorization": "token " + os.environ["JUPYTERHUB_API_TOKEN"],
        "Content-Type": "application/json",
    }
    connection.request("POST", api.path + "/batchspawner", json.dumps({"port": port}), headers)
    return connection.getresponse().status


def certificates() -> ssl.SSLContext:
    """The hub's authority and the server's own certificate (internal_ssl)."""
    context = ssl.create_default_context(cafile=os.environ.get("JUPYTERHUB_SSL_CLIENT_CA"))
    certificate = os.environ.get("JUPYTERHUB_SSL_CERTFILE")
    if certificate:
        context.load_cert_chain(certificate, os.environ["JUPYTERHUB_SSL_KEYFILE"])
    return context


if __name__ == "__main__":
    main()
