"""The watch of these tests notices what it is there for."""

import pytest

HEADERS = {
    "Content-Type": "text/html",
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "noopener-allow-popups",
    "X-Content-Type-Options": "nosniff",
}
LOOSE = {**HEADERS, "Content-Security-Policy": "default-src * 'unsafe-inline'"}
ELSEWHERE = "http://127.0.0.2:9/x.png"


@pytest.mark.parametrize(
    ("body", "headers", "finding"),
    [
        ("<p>fine</p>", HEADERS, None),
        ("<script>alert(1)</script>", HEADERS, "policy"),
        ("<p style='color: red'>inline</p>", HEADERS, "policy"),
        ("<script>alert(1)</script>", LOOSE, "dialog"),
        ("<script>throw new Error('x')</script>", LOOSE, "error"),
        ("<script>console.error('x')</script>", LOOSE, "console"),
        (f"<img src={ELSEWHERE}>", LOOSE, "elsewhere"),
        ("<script src='/jupyter/services/launcher/static/none.js'></script>", LOOSE, "status"),
        ("<p>loose</p>", LOOSE, "header"),
        ("<p>bare</p>", {"Content-Type": "text/html"}, "header"),
    ],
)
def test_the_watch_notices(make_page, site, watch, body, headers, finding):
    page = make_page()
    page.route(f"{site.url}/home/evil", lambda route: route.fulfill(headers=headers, body=body))
    page.goto("home/evil")
    page.wait_for_timeout(300)
    found = watch.unexpected()
    kinds = {text.partition(":")[0] for text in found}
    assert (finding in kinds) if finding else not found
    watch.allow(".")
