"""Removes everything from HTML that could run, load or send something.

The page has a Content-Security-Policy beside, in which nothing runs either.
"""

import re

import nh3

_TAGS = {
    *("a", "abbr", "b", "blockquote", "br", "caption", "cite", "code", "col", "colgroup", "dd"),
    *("del", "details", "dfn", "div", "dl", "dt", "em", "figcaption", "figure", "h1", "h2", "h3"),
    *("h4", "h5", "h6", "hr", "i", "img", "ins", "kbd", "li", "mark", "ol", "p", "pre", "q", "s"),
    *("samp", "small", "span", "strong", "sub", "summary", "sup", "table", "tbody", "td", "tfoot"),
    *("th", "thead", "tr", "tt", "u", "ul", "var"),
}
_ATTRIBUTES = {
    "*": {"class", "title", "lang", "dir"},
    "a": {"href"},
    "img": {"src", "alt", "width", "height"},
    "td": {"colspan", "rowspan", "align"},
    "th": {"colspan", "rowspan", "align", "scope"},
    "ol": {"start"},
    "details": {"open"},
}
# with what is in them; other unknown elements leave their text
_WITH_CONTENT = {
    *("script", "style", "svg", "math", "iframe", "object", "embed", "template", "noscript"),
    *("title", "head", "xmp", "noembed", "noframes", "plaintext", "textarea", "select", "audio"),
    *("video", "canvas", "form"),
}
_IMAGE = re.compile(r"data:image/(?:png|jpeg|gif|webp|svg\+xml);base64,[A-Za-z0-9+/=\s]*")
_LINK = re.compile(r"(?:https?|mailto):", re.IGNORECASE)


def sanitize(html: str) -> str:
    """The HTML with elements and attributes of the lists above alone.

    Pictures are data: URLs, links lead to http, https or mailto.
    """
    return nh3.clean(
        # a lone surrogate cannot be encoded
        html.encode("utf-8", "replace").decode("utf-8"),
        tags=_TAGS,
        attributes=_ATTRIBUTES,
        clean_content_tags=_WITH_CONTENT,
        attribute_filter=_attribute,
        url_schemes={"http", "https", "mailto", "data"},
        link_rel="noopener noreferrer",
        strip_comments=True,
    )


def _attribute(tag: str, name: str, value: str) -> str | None:
    """The value of an attribute, None to remove it."""
    if tag == "img" and name == "src":
        return value if _IMAGE.fullmatch(value) else None
    if tag == "a" and name == "href":
        return value if _LINK.match(value) else None
    return value
