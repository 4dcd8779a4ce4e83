"""An experiment's page: the form, links into it, preview, sharing, and the launch."""

import html
import json
import re
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
from experiment_folders import write_experiment
from fakehub.state import Start
from visiting import HOSTILE, Visitor, text_of
from waiting import wait_until

SCHEMA = f"""
title: {json.dumps("Title " + HOSTILE)}
description: {json.dumps("Description " + HOSTILE)}
type: object
required: [depth]
additionalProperties: false
properties:
  depth: {{type: integer, minimum: 1, title: {json.dumps("Depth " + HOSTILE)}}}
  name: {{type: string, maxLength: 300, default: {json.dumps(HOSTILE)}}}
  secret: {{type: string, format: password, maxLength: 50, default: ""}}
"""
TEMPLATE = """# %% tags=["parameters"]
depth = 1
name = ""
secret = ""
"""

GUARDED = """
title: Guarded
description: Needs a password.
type: object
required: [secret]
additionalProperties: false
properties:
  secret: {type: string, format: password, minLength: 1}
  anything: {}
"""
NOTEBOOK = """# %% tags=["parameters"]
secret = ""
anything = None
"""


@pytest.fixture
def visitor(client, alice):
    return Visitor(client, alice)


@pytest.fixture
def hostile(start_app, fakehub, tmp_path):
    """Somebody at a launcher whose experiment has texts that hold HTML."""
    write_experiment(tmp_path / "shelf" / "hostile", SCHEMA, TEMPLATE)
    client = start_app(experiment_paths=[str(tmp_path / "shelf")])
    return Visitor(client, fakehub.add_user(server="ready"))


class Elements(HTMLParser):
    """The tags of a page, with what could run."""

    def __init__(self, page):
        super().__init__()
        self.tags, self.handlers, self.inline = [], [], []
        self.feed(page.text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        given = dict(attributes)
        self.handlers += [name for name in given if name.startswith("on") or name == "style"]
        if tag == "script" and "src" not in given:
            self.inline.append(tag)


def launches(visitor):
    answer = visitor.client.get("/launches", headers=visitor.user.auth)
    return answer.json()["launches"]


def fields_of(page):
    """The hidden key of the form."""
    return re.search(r'name="key" value="([^"]+)"', page.text)[1]


def test_looking_at_a_form_launches_nothing(visitor, fakehub):
    page = visitor.get("/launch/opendap?p.opendap=https://data.example.org/x&directory=d")
    assert page.status_code == 200
    assert 'value="https://data.example.org/x"' in page.text
    assert "d/opendap.ipynb" in text_of(page)
    assert launches(visitor) == []


def test_the_form_launches_and_leads_to_the_launch(visitor):
    answer = visitor.post(
        "/launch/opendap",
        {
            "/parameters/opendap": "https://data.example.org/x",
            "/notebook/directory": "mine",
            "action": "launch",
        },
    )
    assert answer.status_code == 303
    (launch,) = launches(visitor)
    assert answer.headers["location"] == f"/home/launches/{launch['id']}?new=1"
    page = visitor.get(answer.headers["location"])
    assert "Open a dataset over OPeNDAP" in text_of(page)
    wait_until(lambda: "mine/opendap.ipynb" in visitor.user.files, "the notebook")
    written = json.loads(visitor.user.files["mine/opendap.ipynb"])
    assert written["metadata"]["launcher"]["parameters"] == {
        "opendap": "https://data.example.org/x"
    }


def test_a_button_that_is_pressed_twice_launches_once(visitor):
    key = fields_of(visitor.get("/launch/hello"))
    first = visitor.post("/launch/hello", {"key": key, "action": "launch"})
    second = visitor.post("/launch/hello", {"key": key, "action": "launch"})
    assert first.headers["location"] == second.headers["location"]
    other = {"key": key, "action": "launch", "/notebook/directory": "elsewhere"}
    assert visitor.post("/launch/hello", other).headers["location"] != first.headers["location"]


def test_an_error_is_at_its_field_and_nothing_that_was_typed_is_lost(visitor):
    page = visitor.post(
        "/launch/threeclickscience",
        {
            "/parameters/setup/model": "wflow",
            "/parameters/setup/region": "donau",
            "/parameters/setup/period/start": "2001-01-01T00:00:00Z",
            "/parameters/setup/period/end": "2000-01-01T00:00:00Z",
            "/notebook/directory": "../elsewhere",
            "action": "launch",
        },
    )
    assert page.status_code == 400
    for kept in ("wflow", "donau", "2001-01-01T00:00:00Z", "../elsewhere"):
        assert f'value="{kept}"' in page.text
    text = text_of(page)
    assert "End is before" in text
    assert "Folder must not contain" in text
    pointers = re.findall(r'data-pointer="([^"]*)"(?! hidden)[^>]*>\s*<', page.text)
    assert "/parameters/setup/period/end" in page.text
    assert pointers
    assert 'aria-invalid="true"' in page.text
    assert launches(visitor) == []


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("p.wrong=1", "“wrong” in this link is not a parameter of this experiment."),
        ("wrong=1", "“wrong” in this link is not known; names of parameters begin with “p.”."),
        ("p.opendap=a&p.opendap=b", "is in this link twice"),
        ("p.opendap=no%20uri", "must be"),
        ("directory=..", "Folder must not contain"),
        ("filename=x.txt", "File name must end with .ipynb"),
        ("if_exists=maybe", "If the file exists must be one of the choices"),
        ("server=a%2Fb", "Server must be the name of a server"),
        (f"p.opendap=https://{'x' * 8000}", "more than"),
        (f"p.opendap{'.a' * 1900}=1", "nested too deeply"),
    ],
)
def test_what_is_wrong_in_a_link_is_a_sentence(visitor, query, sentence):
    page = visitor.get(f"/launch/opendap?{query}")
    assert page.status_code == 200
    assert sentence in text_of(page)
    assert launches(visitor) == []


def test_a_link_of_somebody_who_is_not_signed_in_is_kept_over_the_sign_in(client):
    query = "p.opendap=https://data.example.org/a%20b&directory=d"
    answer = client.get(f"/launch/opendap?{query}")
    assert answer.status_code == 303
    address = urlsplit(answer.headers["location"])
    assert address.path == "/home/sign-in"
    again = client.get(answer.headers["location"])
    assert again.status_code == 303
    assert "/hub/api/oauth2/authorize?" in again.headers["location"]


def test_an_experiment_that_is_not_there_is_a_page(visitor):
    page = visitor.get("/launch/nothing")
    assert page.status_code == 404
    assert page.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize("xsrf", ["", "x" * 64])
@pytest.mark.parametrize("action", ["launch", "preview", "share"])
def test_a_form_of_another_page_does_nothing(visitor, action, xsrf):
    page = visitor.post("/launch/hello", {"action": action}, xsrf=xsrf)
    assert page.status_code == 403
    assert launches(visitor) == []


@pytest.mark.parametrize("mode", ["cors", "no-cors", "same-origin", "websocket"])
def test_a_script_without_the_token_reads_no_page(visitor, mode):
    page = visitor.get("/launch/hello", **{"Sec-Fetch-Mode": mode})
    assert page.status_code == 401
    assert visitor.xsrf not in page.text
    allowed = {"Sec-Fetch-Mode": mode, "X-XSRFToken": visitor.xsrf}
    assert visitor.get("/launch/hello", **allowed).status_code == 200


def test_sharing_makes_a_link_that_fills_in_the_same_form(visitor):
    page = visitor.post(
        "/launch/opendap",
        {"/parameters/opendap": "https://data.example.org/x?a=b&c", "action": "share"},
    )
    link = html.unescape(re.search(r"http://\S+/launch/opendap\?[^\s<]+", page.text)[0])
    parts = urlsplit(link)
    again = visitor.get(f"{parts.path}?{parts.query}")
    assert 'value="https://data.example.org/x?a=b&amp;c"' in again.text
    assert "[![Launch Open a dataset" in html.unescape(page.text)
    assert "curl -H" in page.text
    assert launches(visitor) == []


def test_a_form_that_is_not_complete_is_shared_as_a_link(visitor):
    fields = {
        "/parameters/setup/model": "wflow",
        "/parameters/setup/region": "",
        "/parameters/setup/period/start": "",
        "action": "share",
    }
    page = visitor.post("/launch/threeclickscience", fields)
    assert page.status_code == 200
    assert "Please correct" not in text_of(page)
    assert "The lines for scripts (curl and Python) are here when" in text_of(page)
    assert "curl -H" not in page.text
    assert "[![Launch " in html.unescape(page.text)
    link = html.unescape(re.search(r"http://\S+/launch/threeclickscience\?[^\s<]+", page.text)[0])
    parts = urlsplit(link)
    again = visitor.get(f"{parts.path}?{parts.query}")
    assert 'value="wflow"' in again.text
    assert "Please correct" not in text_of(again)


@pytest.mark.parametrize(
    ("name", "value"), [("/parameters/opendap", "no uri"), ("/notebook/filename", "x.txt")]
)
def test_what_is_wrong_is_not_shared(visitor, name, value):
    page = visitor.post("/launch/opendap", {name: value, "action": "share"})
    assert page.status_code == 400
    assert "share-title" not in page.text


def test_a_preview_is_a_frame_in_which_nothing_runs(visitor):
    page = visitor.post(
        "/launch/opendap",
        {"/parameters/opendap": "https://data.example.org/x", "action": "preview"},
    )
    assert "frame-src 'self'" in page.headers["content-security-policy"]
    source = html.unescape(re.search(r'<iframe[^>]* sandbox [^>]*src="([^"]+)"', page.text)[1])
    frame = visitor.get(source)
    assert frame.status_code == 200, frame.text
    policy = frame.headers["content-security-policy"]
    assert policy.startswith("sandbox; default-src 'none';")
    assert "frame-ancestors 'self'" in policy
    assert "https://data.example.org/x" in frame.text
    assert launches(visitor) == []


def test_a_preview_that_is_wrong_is_a_sentence_in_its_frame(visitor):
    frame = visitor.get("/launch/opendap/preview")
    assert frame.status_code == 400
    assert "OPeNDAP endpoint has to be filled in." in text_of(frame)
    assert frame.headers["content-security-policy"].startswith("sandbox;")


@pytest.mark.parametrize("action", ["", "launch", "preview", "share"])
def test_texts_that_hold_html_stay_texts(hostile, action):
    if action:
        fields = {"/parameters/depth": "0", "/parameters/name": HOSTILE, "action": action}
        page = hostile.post("/launch/hostile", fields)
    else:
        page = hostile.get("/launch/hostile")
    found = Elements(page)
    plain = Elements(hostile.get("/launch/hello"))
    for tag in ("svg", "script", "img", "iframe"):
        assert found.tags.count(tag) == plain.tags.count(tag), tag
    assert (found.handlers, found.inline) == ([], [])
    assert "{{7*7}}" in html.unescape(page.text)


def test_a_password_is_in_no_link(hostile):
    fields = {"/parameters/depth": "1", "/parameters/secret": "hunter2", "action": "share"}
    page = hostile.post("/launch/hostile", fields)
    assert "Passwords are left out" in text_of(page)
    shared = page.text[page.text.index("share-title") :]
    assert "hunter2" not in shared


@pytest.fixture
def guarded(start_app, fakehub, tmp_path):
    """Somebody at a launcher whose experiment needs a password, and takes anything."""
    write_experiment(tmp_path / "shelf" / "guarded", GUARDED, NOTEBOOK)
    client = start_app(experiment_paths=[str(tmp_path / "shelf")])
    return Visitor(client, fakehub.add_user(server="ready"))


@pytest.mark.parametrize(
    ("rule", "placeholder"),
    [
        ("minLength: 1", "…"),
        ("minLength: 8", "…" * 8),
        ("minLength: 4, pattern: '^[a-z]+$'", "xxxx"),
    ],
)
def test_a_preview_that_needs_a_password_has_a_placeholder(
    start_app, fakehub, tmp_path, rule, placeholder
):
    schema = GUARDED.replace("minLength: 1", rule)
    write_experiment(tmp_path / "shelf" / "guarded", schema, NOTEBOOK)
    client = start_app(experiment_paths=[str(tmp_path / "shelf")])
    visitor = Visitor(client, fakehub.add_user(server="ready"))
    fields = {"/parameters/secret": "huntertwo", "action": "preview"}
    page = visitor.post("/launch/guarded", fields)
    assert page.status_code == 200
    shown = page.text.partition('id="preview-title"')[2]
    assert "Passwords are left out of the preview" in shown.partition("<iframe")[0], "beside it"
    source = html.unescape(re.search(r'<iframe[^>]* src="([^"]+)"', page.text)[1])
    assert "huntertwo" not in source
    frame = visitor.get(source)
    assert frame.status_code == 200, text_of(frame)
    assert f"'{placeholder}'" in text_of(frame).replace("' ", "'").replace(" '", "'")


def test_a_preview_without_a_possible_placeholder_is_explained(start_app, fakehub, tmp_path):
    schema = GUARDED.replace("minLength: 1", "pattern: '^[0-9]{3}-[a-z]{3}$'")
    write_experiment(tmp_path / "shelf" / "guarded", schema, NOTEBOOK)
    client = start_app(experiment_paths=[str(tmp_path / "shelf")])
    visitor = Visitor(client, fakehub.add_user(server="ready"))
    page = visitor.post("/launch/guarded", {"/parameters/secret": "123-abc", "action": "preview"})
    assert page.status_code == 200
    shown = page.text.partition('id="preview-title"')[2]
    assert "There is no preview of these parameters" in shown
    assert "<iframe" not in page.text


def test_a_preview_without_its_passwords_is_shown(hostile):
    fields = {"/parameters/depth": "1", "/parameters/secret": "hunter2", "action": "preview"}
    page = hostile.post("/launch/hostile", fields)
    assert "Passwords are left out of the preview." in text_of(page)
    source = html.unescape(re.search(r'<iframe[^>]* src="([^"]+)"', page.text)[1])
    assert "hunter2" not in source
    frame = hostile.get(source)
    assert frame.status_code == 200
    assert "hunter2" not in frame.text


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        (f"p.anything{'.a' * 1900}=1", "nested too deeply"),
        (f"p./anything{'/a' * 1900}=1", "nested too deeply"),
        (f"p.anything={'[' * 1900}{']' * 1900}", "Anything is nested too deeply"),
        ('p.anything="%5Cud800"', "Anything contains half of a surrogate pair"),
        ("&".join(["="] * 1900), "“” in this link is not known"),
    ],
)
def test_a_link_of_an_attacker_is_explained(guarded, query, sentence):
    page = guarded.get(f"/launch/guarded?{query}")
    assert page.status_code == 200
    assert sentence in text_of(page)


@pytest.mark.parametrize("action", ["start", "remove", "add", "LAUNCH", "switch x"])
def test_a_button_that_is_not_known_launches_nothing(visitor, action):
    page = visitor.post("/launch/hello", {"action": action, "/notebook/directory": "kept"})
    assert page.status_code == 400
    assert "This button is not known" in text_of(page)
    assert 'value="kept"' in page.text
    assert launches(visitor) == []


def test_a_link_that_replaces_a_file_says_so_before_anybody_opens_the_details(visitor):
    page = visitor.get(
        "/launch/hello?directory=mine&filename=work.ipynb&if_exists=replace&server=lab"
    )
    summary = re.search(r"<summary>(.*?)</summary>", page.text, re.DOTALL)[1]
    words = " ".join(re.sub(r"<[^>]*>", "", summary).split())
    assert words == (
        "Where the notebook goes: mine/work.ipynb, which replaces a file that exists,"
        " on the server lab"
    )


def test_the_key_enter_launches(visitor):
    page = visitor.get("/launch/opendap")
    form = page.text[page.text.index("data-form") :]
    first = re.search(r"<button[^>]*>", form)[0]
    assert 'name="action" value="launch"' in first


def test_a_form_with_very_many_values_is_refused(client, alice):
    many = "[" + ",".join(["1"] * 20_000) + "]"
    fields = {"json:/parameters/setup": many, "/parameters/setup": many, "action": "share"}
    page = Visitor(client, alice).post("/launch/bmi", fields)
    assert page.status_code == 400


def test_a_launch_that_is_refused_keeps_the_form(start_app, fakehub):
    client = start_app(max_launches_per_user=1, start_timeout=30)
    user = fakehub.add_user()
    user.starts.append(Start(seconds=60, outcome="never"))
    visitor = Visitor(client, user)
    assert visitor.post("/launch/hello", {"action": "launch"}).status_code == 303
    page = visitor.post("/launch/hello", {"action": "launch", "/notebook/directory": "kept"})
    assert page.status_code == 429
    assert 'value="kept"' in page.text
    assert "launches" in text_of(page)
