"""Somebody who is signed in to the pages of an application in this process."""

import html
import re
from pathlib import Path
from urllib.parse import urlencode

from launcher import keys
from launcher.auth.sessions import Sessions

# text that would be noticed if a page took it for HTML or for a template
HOSTILE = "\"><svg onload=1>'{{7*7}}</script><script>alert(1)</script>"


class Visitor:
    """A browser without scripts, with a session."""

    def __init__(self, client, user, hub_session=""):
        secret = keys.secret(Path(client.settings.secret_file))
        sessions = Sessions(secret, client.settings.service_name)
        session = sessions.new(user.token, hub_session)
        self.client, self.user = client, user
        self.xsrf = sessions.xsrf(session)
        self.headers = {"Cookie": f"{sessions.cookie_name}={sessions.cookie(session)}"}

    def get(self, path, **headers):
        """GET a page."""
        return self.client.get(path, headers={**self.headers, **headers})

    def post(self, path, pairs=(), *, xsrf=None, **headers):
        """POST a form with these pairs of names and values."""
        pairs = [*(pairs.items() if isinstance(pairs, dict) else pairs)]
        pairs.append(("_xsrf", self.xsrf if xsrf is None else xsrf))
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.client.post(
            path, content=urlencode(pairs), headers={**self.headers, **kind, **headers}
        )


def text_of(page) -> str:
    """The text of a page, without tags and with single spaces."""
    text = re.sub(r"<(script|style|template)\b.*?</\1>", " ", page.text, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", text)).split())
