"""The Content-Security-Policy of each kind of page.

Users' servers have the launcher's origin: their pages must not frame, script or open the
launcher's. Source: Content Security Policy Level 3, https://www.w3.org/TR/CSP3/.
"""


def _policy(**directives: str) -> str:
    """Build a policy that allows nothing but what `directives` add."""
    nothing = {"default-src": "'none'", "base-uri": "'none'", "form-action": "'none'"}
    nothing["frame-ancestors"] = "'none'"
    added = {name.replace("_", "-"): sources for name, sources in directives.items()}
    return "; ".join(f"{name} {sources}" for name, sources in {**nothing, **added}.items())


# answers of the API, static files, redirects: not pages, so they load nothing
NO_PAGE = _policy()
# Swagger UI sets style attributes and shows its icons from data: URLs
SWAGGER_UI = _policy(
    script_src="'self'",
    style_src="'self' 'unsafe-inline'",
    img_src="'self' data:",
    connect_src="'self'",
)

# a rendered notebook in a frame: opaque origin, no script, nothing from the network but its style
PREVIEW = (
    "sandbox; default-src 'none'; style-src 'self'; img-src data:; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'self'"
)


def page(*, frame: bool = False) -> str:
    """The policy of a page of the launcher; `frame` allows a frame of its own."""
    directives = {
        "script_src": "'self'",
        "style_src": "'self'",
        # the icons of Bootstrap are data: URLs
        "img_src": "'self' data:",
        "font_src": "'self'",
        "connect_src": "'self'",
        "form_action": "'self'",
    }
    return _policy(**directives, **({"frame_src": "'self'"} if frame else {}))
