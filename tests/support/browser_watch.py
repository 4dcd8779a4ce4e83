"""What goes wrong in a browser beside what a test looks at, and the headers of what it loads."""

import re
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from urllib.parse import urlsplit

# a request that the browser gave up because its page was left
LEFT = "net::ERR_ABORTED"
OWN_SCHEMES = ("data:", "blob:", "about:")


@dataclass
class Watch:
    """Notes of all contexts of a test; `findings` should be empty at its end."""

    site: object
    findings: list[str] = field(default_factory=list)
    dialogs: list[str] = field(default_factory=list)
    responses: list = field(default_factory=list)
    # regular expressions of findings that the test expects
    allowed: list[str] = field(default_factory=list)

    def follow(self, context):
        """Watch all pages of a context, those too that are opened later."""
        context.on("console", self._console)
        context.on("weberror", lambda error: self._error(error))
        context.on("dialog", self._dialog)
        context.on("request", self._request)
        context.on("requestfailed", self._failed)
        context.on("response", self._response)

    def allow(self, *patterns):
        """Expect findings that match."""
        self.allowed += patterns

    def unexpected(self):
        """The findings that no pattern allows."""
        return [
            finding
            for finding in self.findings
            if not any(re.search(pattern, finding) for pattern in self.allowed)
        ]

    def set_cookies(self):
        """All cookies that the launcher set, as pairs of URL and Morsel."""
        for response in self.responses:
            if not self._is_ours(response.url):
                continue
            for header in response.headers_array():
                if header["name"].lower() == "set-cookie":
                    for morsel in SimpleCookie(header["value"]).values():
                        yield response.url, morsel

    def _is_ours(self, url):
        return url.startswith(self.site.url + "/")

    def _note(self, kind, text, url=""):
        self.findings.append(f"{kind}: {text} ({url})" if url else f"{kind}: {text}")

    def _console(self, message):
        page = message.page.url if message.page else ""
        # the status of what was loaded is in the responses
        loaded = message.text.startswith("Failed to load resource")
        policy = "Content Security Policy" in message.text
        if message.type in ("error", "warning") and self._is_ours(page) and not loaded:
            self._note("console" if not policy else "policy", message.text, page)

    def _error(self, error):
        page = error.page
        if page and self._is_ours(page.url):
            self._note("error", error.error, page.url)

    def _dialog(self, dialog):
        if dialog.type != "beforeunload":
            self.dialogs.append(dialog.message)
            self._note("dialog", dialog.message, dialog.page.url if dialog.page else "")
        dialog.dismiss()

    def _request(self, request):
        if request.url.startswith(OWN_SCHEMES):
            return
        parts = urlsplit(request.url)
        if f"{parts.scheme}://{parts.netloc}" != self.site.hub.origin:
            self._note("elsewhere", request.url)

    def _failed(self, request):
        if self._is_ours(request.url) and request.failure != LEFT:
            self._note("failed", request.failure, request.url)

    def _response(self, response):
        self.responses.append(response)
        if not self._is_ours(response.url):
            return
        if response.status >= 400 and not response.request.is_navigation_request():
            self._note("status", response.status, response.url)
        self._check_headers(response)

    def _check_headers(self, response):
        """Rule 7 of the design: what every page of the launcher sends."""
        headers = response.headers
        if not headers.get("content-type", "").startswith("text/html"):
            return
        policy = headers.get("content-security-policy", "")
        frame = policy.startswith("sandbox;")
        if "default-src 'none'" not in policy or "unsafe-eval" in policy:
            self._note("header", f"policy {policy!r}", response.url)
        if "unsafe-inline" in policy and "/ui/" not in response.url:
            self._note("header", f"policy {policy!r}", response.url)
        if not frame and "frame-ancestors 'none'" not in policy:
            self._note("header", f"policy {policy!r}", response.url)
        opener = headers.get("cross-origin-opener-policy")
        if not frame and opener != "noopener-allow-popups":
            self._note("header", f"opener policy {opener!r}", response.url)
        if headers.get("x-content-type-options") != "nosniff":
            self._note("header", "no nosniff", response.url)
