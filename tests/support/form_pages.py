"""Forms as a browser without scripts sees them: the HTML, and the fields that it would submit."""

from html.parser import HTMLParser

import jinja2

TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("launcher.web"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
PAGE = """{% import "forms/controls.html" as forms %}
{{ forms.summary(problems) }}
<form method="post" data-form novalidate>{{ forms.group(control, legend=false) }}</form>
"""


def html_of(form, pairs, problems=()):
    """The form of a page with these fields."""
    return TEMPLATES.from_string(PAGE).render(
        control=form.control(pairs, problems), problems=list(problems)
    )


class FormPage(HTMLParser):
    """The elements of a page's form; `<template>` is inert, as in a browser."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.controls = []
        self.buttons = []
        self.elements = []
        self.templates = 0
        self._select = self._text = None
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attributes):
        """Note a control."""
        attributes = {name: value or "" for name, value in attributes}
        self.templates += tag == "template"
        if self.templates:
            return
        self.elements.append((tag, attributes))
        if tag == "option":
            self._select["options"].append(attributes["value"])
            if "selected" in attributes:
                self._select["value"] = attributes["value"]
        elif tag in ("input", "select", "textarea"):
            control = {"tag": tag, "value": "", "options": [], **attributes}
            control.setdefault("type", tag)
            self.controls.append(control)
            self._select = control if tag == "select" else None
            self._text = control if tag == "textarea" else None
        elif tag == "button":
            self.buttons.append(attributes)

    def handle_endtag(self, tag):
        """Finish a control."""
        self.templates -= tag == "template"
        if tag == "textarea" and self._text:
            # the parser of a browser drops the first newline
            self._text["value"] = self._text["value"].removeprefix("\n")
            self._text = None

    def handle_data(self, text):
        """The text of a textarea."""
        if self._text is not None and not self.templates:
            self._text["value"] += text

    def pairs(self):
        """The fields that a browser submits when nobody touched anything."""
        return [(each["name"], value) for each in self.controls for value in _submitted(each)]

    def control(self, name):
        """The control whose field has that name, but is not a marker beside it."""
        [found] = [each for each in self.controls if each.get("name") == name]
        return found


def _submitted(control):
    kind, value = control["type"], control["value"]
    if kind == "checkbox":
        return [control.get("value") or "on"] if "checked" in control else []
    if control["tag"] == "select":
        return [value or control["options"][0]]
    if control["tag"] == "textarea":
        return [value.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")]
    return [value if kind == "hidden" else value.replace("\r", "").replace("\n", "")]


def submitted(form, pairs, problems=()):
    """The fields that come back from a page which shows these."""
    return FormPage(html_of(form, pairs, problems)).pairs()
