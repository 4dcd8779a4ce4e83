"""A user's "server" that is not Jupyter: it serves files of the home with any headers.

The hub starts it in the place of a single-user server; its user controls every answer, as users do.
`?header=Name:value`, repeated, adds headers. Each request's headers go to requests.jsonl in the
home, a line of JSON for each.
"""

import json
import mimetypes
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

ADDRESS = urlsplit(os.environ["JUPYTERHUB_SERVICE_URL"])
LOG = Path("requests.jsonl")


class Handler(BaseHTTPRequestHandler):
    """Answers with files of the home's folder `pages`."""

    def do_GET(self):
        parts = urlsplit(self.path)
        with LOG.open("a", encoding="utf-8") as log:
            log.write(json.dumps({"path": self.path, "headers": self.headers.items()}) + "\n")
        file = Path("pages", unquote(parts.path).removeprefix(unquote(ADDRESS.path)))
        found = file.is_file()
        body = file.read_bytes() if found else b"nothing here"
        self.send_response(200)
        kind = mimetypes.guess_type(file.name)[0] if found else "text/plain"
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        for header in parse_qs(parts.query).get("header", []):
            self.send_header(*header.split(":", 1))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET


if __name__ == "__main__":
    ThreadingHTTPServer((ADDRESS.hostname, ADDRESS.port), Handler).serve_forever()
