"""Signing in to the pages through a real hub."""

import secrets
from concurrent.futures import ThreadPoolExecutor
from http.cookies import SimpleCookie
from types import SimpleNamespace
from urllib.parse import urljoin, urlsplit

import pytest
import requests
from ports import free_port
from realhub import hubs, launchers
from site_of_launcher import Person, sites, steps, xsrf_of


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with sites(tmp_path_factory) as make:
        yield make(workers=4)


def callback_of(person) -> str:
    """Begin a sign-in; returns the address to which the hub sends the browser, not visited yet."""
    for answer in steps(person, f"{person.site.url}/home/"):
        location = urljoin(answer.url, answer.headers.get("Location", ""))
        if "/oauth_callback?" in location:
            return location
    raise AssertionError("the hub sent nobody back")


def test_somebody_signs_in_and_returns_to_the_page_they_asked_for(site):
    alice = Person(site, "alice").log_in()
    chain = list(steps(alice, f"{site.url}/home/?q=hello"))
    assert chain[-1].status_code == 200, chain[-1].text
    assert chain[-1].url == f"{site.url}/home/?q=hello"
    assert "alice" in chain[-1].text


def test_somebody_who_is_not_signed_in_anywhere_returns_with_everything_kept(site):
    query = "p.opendap=https%3A%2F%2Fdata.example.org%2Fa%20b%3Fc%3Dd%26e&directory=x%2Fy"
    carol = Person(site, "carol")
    form = carol.page(f"/launch/opendap?{query}")
    assert "/hub/login" in form.url
    xsrf = next(c.value for c in carol.cookies if c.name == "_xsrf" and "/hub/" in c.path)
    fields = {"username": "carol", "password": "pässwörd of carol", "_xsrf": xsrf}
    page = carol.post(form.url, data=fields)
    assert page.url == f"{site.url}/launch/opendap?{query}"
    assert 'value="https://data.example.org/a b?c=d&amp;e"' in page.text


def test_after_the_hubs_logout_the_launcher_asks_again(site):
    bob = Person(site, "bob").log_in()
    assert bob.page("/home/").ok
    bob.get(f"{site.hub.url}/hub/logout")
    answer = bob.page("/home/", allow_redirects=False)
    assert answer.status_code == 303
    assert "/home/sign-in" in answer.headers["Location"]


def test_after_the_launchers_logout_the_next_page_signs_in_again(site):
    dora = Person(site, "dora").log_in()
    answer = dora.submit("/home/logout")
    assert answer.status_code == 200
    assert f"{site.hub.url}/hub/logout" in answer.text
    assert dora.page("/home/", allow_redirects=False).status_code == 303
    assert dora.page("/home/").url == f"{site.url}/home/"


def test_a_code_and_a_state_work_once(site):
    erin = Person(site, "erin").log_in()
    chain = list(steps(erin, f"{site.url}/home/"))
    callback = next(each.url for each in chain if "/oauth_callback?" in each.url)
    assert erin.get(callback).status_code == 403
    assert erin.page("/home/").ok, "the session goes on"


def test_somebody_elses_callback_signs_nobody_in(site):
    """Login CSRF: the attacker's own code and state in the victim's browser."""
    attacker, victim = Person(site, "mallory").log_in(), Person(site, "victim")
    location = callback_of(attacker)
    assert victim.get(location).status_code == 403
    assert not [cookie for cookie in victim.cookies if cookie.name.endswith("-session")]


def test_a_sign_in_that_another_user_began_and_planted_signs_nobody_in_as_them(site):
    """Pages of users' servers can set our cookies: the attacker's state is in this browser."""
    attacker, victim = Person(site, "mallory").log_in(), Person(site, "vera").log_in()
    location = callback_of(attacker)
    for cookie in attacker.cookies:
        if "-state-" in cookie.name:
            victim.cookies.set_cookie(cookie)
    *_, page = steps(victim, location)
    assert page.url == f"{site.url}/home/"
    assert "mallory" not in page.text
    assert "vera" in page.text


def test_a_state_is_used_up_when_the_hub_refuses(site):
    kim = Person(site, "kim").log_in()
    location = callback_of(kim)
    refusal = f"{location.replace('code=', 'x=')}&error=access_denied"
    assert kim.get(refusal).status_code == 403
    assert kim.get(location).status_code == 403
    assert kim.page("/home/").ok, "a new sign-in works"


def test_a_long_link_is_kept_over_the_sign_in(site):
    lena = Person(site, "lena").log_in()
    link = f"/launch/opendap?p.opendap=https%3A%2F%2Fdata.example.org%2F{secrets.token_hex(1_900)}"
    page = lena.page(link)
    assert page.url == site.url + link
    assert page.status_code == 200


def test_two_tabs_sign_in_at_the_same_time(site):
    fred = Person(site, "fred").log_in()
    tabs = [fred.page("/home/token", allow_redirects=False) for _ in range(2)]
    begun = [
        fred.get(urljoin(tab.url, tab.headers["Location"]), allow_redirects=False) for tab in tabs
    ]
    for answer in reversed(begun):
        page = fred.get(answer.headers["Location"])
        assert page.url == f"{site.url}/home/token"


def test_every_cookie_stays_with_the_launcher(site):
    gina = Person(site, "gina").log_in()
    chain = list(steps(gina, f"{site.url}/home/"))
    chain.append(gina.submit("/home/logout", chain[-1]))
    ours = [
        header
        for answer in chain
        if answer.url.startswith(site.url)
        for header in answer.raw.headers.getlist("Set-Cookie")
    ]
    assert len(ours) >= 4
    for header in ours:
        ((name, morsel),) = SimpleCookie(header).items()
        assert name.startswith("service-launcher-")
        assert morsel["path"] == f"{site.prefix}/"
        assert morsel["httponly"]
        assert morsel["samesite"].lower() == "lax"
        assert not morsel["domain"]
        assert int(morsel["max-age"]) <= 14 * 86_400


def test_a_launch_from_the_form_ends_in_jupyterlab(site):
    hana = Person(site, "hana").log_in()
    page = hana.page("/launch/hello")
    fields = {"action": "launch", "/notebook/directory": "from the form"}
    answer = hana.submit("/launch/hello", page, **fields)
    assert answer.status_code == 303, answer.text
    launch = urlsplit(answer.headers["Location"]).path.rpartition("/")[2]
    token = {"X-XSRFToken": xsrf_of(page)}
    events = hana.get(f"{site.url}/launches/{launch}/events", headers=token, timeout=120)
    assert "event: end" in events.text
    assert (site.hub.home("hana") / "from the form/hello.ipynb").is_file()


def test_a_launcher_at_another_address_than_its_hub_signs_people_in(tmp_path_factory):
    """The hub is at 127.0.0.1, the launcher at localhost: two hosts for a browser."""
    port = free_port()
    url = f"http://localhost:{port}"
    extra = f"c.JupyterHub.services[0]['oauth_redirect_uri'] = '{url}/oauth_callback'\n"
    extra += "c.JupyterHub.services[0]['oauth_no_confirm'] = True\n"
    with hubs(tmp_path_factory) as make_hub, launchers(tmp_path_factory) as make_launcher:
        hub = make_hub(extra=extra)
        config = f"c.Launcher.oauth_redirect_uri = '{url}/oauth_callback'\n"
        launcher = make_launcher(hub, config=config, workers=2, port=port)
        assert launcher.origin == f"http://127.0.0.1:{port}"

        ida = Person(SimpleNamespace(hub=hub, url=url), "ida").log_in()
        page = ida.page("/home/")
        assert page.url == f"{url}/home/"
        assert "ida" in page.text
        hosts = {cookie.domain for cookie in ida.cookies if cookie.name.endswith("-session")}
        assert hosts == {"localhost.local"}


def test_a_hub_that_is_away_is_a_page_that_says_so(tmp_path_factory):
    with sites(tmp_path_factory) as make:
        site = make()
        jack = Person(site, "jack").log_in()
        location = callback_of(jack)
        site.hub.stop_hub()
        page = jack.get(location, timeout=60)
        assert page.status_code == 503
        assert "The hub cannot be reached" in page.text


@pytest.mark.slow
def test_a_thousand_sign_ins_over_four_workers_all_succeed(site):
    people = [Person(site, f"crowd{number}").log_in() for number in range(20)]

    def sign_in(number):
        session = requests.Session()
        person = people[number % len(people)]
        for cookie in person.cookies:
            if not cookie.name.startswith("service-launcher"):
                session.cookies.set_cookie(cookie)
        page = session.get(f"{site.url}/home/token", timeout=120)
        return page.status_code, page.url, person.name in page.text

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(sign_in, range(1000)))
    assert set(answers) == {(200, f"{site.url}/home/token", True)}
