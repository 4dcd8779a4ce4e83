"""How often one may be wrong about a password or a token, and where requests come from."""

import logging
import socket
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing, contextmanager

import pytest
from application import environment, problem_of
from fakehub import basic, page_answer
from waiting import at_once, wait_until

from launcher import logs
from launcher.auth.addresses import TrustedProxies, client_address


def whoami(client, headers, address=""):
    """GET /user, from that address as a proxy tells it."""
    forwarded = {"X-Forwarded-For": address} if address else {}
    return client.get("/user", headers={**headers, **forwarded})


def unknown(number):
    """The header of a token that nobody has."""
    return {"Authorization": f"token nobodys-{number}"}


def signs_in(fakehub):
    return len(fakehub.lines("POST /hub/login"))


def identifies(fakehub):
    return len(fakehub.lines("GET /hub/api/user"))


@contextmanager
def without_table(tmp_path):
    """The database refuses to count sign-ins."""
    with closing(sqlite3.connect(tmp_path / "launcher.sqlite")) as database:
        database.execute("ALTER TABLE login_attempts RENAME TO gone")
        yield
        database.execute("ALTER TABLE gone RENAME TO login_attempts")


# wrong passwords for one name


def test_wrong_passwords_are_limited_over_processes_and_others_are_not_slowed(start_app, fakehub):
    apps = [start_app(max_failed_logins=4), start_app(max_failed_logins=4)]
    user, other = fakehub.add_user(), fakehub.add_user()
    answers = [whoami(apps[n % 2], basic(user.name, f"guess {n}")) for n in range(6)]
    assert [answer.status_code for answer in answers] == [401] * 4 + [429] * 2
    assert 0 < int(answers[-1].headers["retry-after"]) <= 60
    assert problem_of(answers[-1], 429)["type"].endswith(":too-many-requests")
    assert signs_in(fakehub) == 4
    problem_of(whoami(apps[0], user.basic), 429)  # nor does the right one get through
    assert whoami(apps[1], other.basic).status_code == 200
    assert whoami(apps[1], user.auth).status_code == 200


def test_guesses_at_the_same_moment_do_not_slip_through_together(start_app, fakehub):
    apps = [start_app(max_failed_logins=5), start_app(max_failed_logins=5)]
    user = fakehub.add_user()
    fakehub.password_gate.clear()
    timer = threading.Timer(0.5, fakehub.password_gate.set)
    timer.start()
    answers = at_once(20, lambda n: whoami(apps[n % 2], basic(user.name, f"guess {n}")))
    timer.join()
    assert sorted(answer.status_code for answer in answers) == [401] * 5 + [429] * 15


@pytest.mark.parametrize(
    "spelling",
    [
        "{upper}", "{title}", " {name} ", "\u3000{name}\u2003", "{wide}", "{name}\u200b",
        "\ufeff{name}", "{head}\u00ad{tail}", "{head}\u0301{tail}", "{head} {tail}", "{bold}",
    ],
    ids=ascii,
)  # fmt: skip
def test_another_spelling_does_not_get_tries_of_its_own(start_app, fakehub, spelling):
    client, user = start_app(max_failed_logins=1), fakehub.add_user("kevin")
    name = spelling.format(
        name=user.name, upper="KEVIN", title="\u212aevin", head="ke", tail="vin",
        wide="\uff2b\uff45\uff56\uff49\uff4e", bold="\U0001d40a\U0001d404VIN",
    )  # fmt: skip
    problem_of(whoami(client, basic(user.name, "wrong")), 401)
    problem_of(whoami(client, basic(name, "wrong")), 429)


@pytest.mark.parametrize(
    "spelling",
    ["\x01{}", "{}\x1f", "\x00{}", "{}\x08", "\t{}", "{}\n", "\x7f{}", "\x85{}", "\x01 \x02{}"],
    ids=ascii,
)
def test_a_name_with_a_control_character_never_reaches_the_hub(start_app, fakehub, spelling):
    client, user = start_app(max_failed_logins=1), fakehub.add_user()
    name = spelling.format(user.name)
    for password in ("wrong", "wrong", user.password):
        problem_of(whoami(client, basic(name, password)), 401)
    assert fakehub.lines() == []


def test_success_resets_the_count(start_app, fakehub):
    client, user = start_app(max_failed_logins=3), fakehub.add_user()
    for _ in range(2):
        problem_of(whoami(client, basic(user.name, "wrong")), 401)
    assert whoami(client, user.basic).status_code == 200
    for _ in range(3):
        problem_of(whoami(client, basic(user.name, "wrong")), 401)
    problem_of(whoami(client, basic(user.name, "wrong")), 429)


def test_a_hub_that_is_away_uses_up_nobodys_tries(start_app, fakehub):
    limits = {"max_failed_logins": 2, "max_failed_logins_per_address": 2}
    client, user = start_app(**limits), fakehub.add_user()
    fakehub.away = "proxy"
    for _ in range(4):
        problem_of(whoami(client, user.basic), 503)
    fakehub.away = ""
    assert whoami(client, user.basic).status_code == 200


def test_a_hub_that_stumbles_over_passwords_uses_up_tries_of_the_address_alone(start_app, fakehub):
    limits = {"max_failed_logins": 2, "max_failed_logins_per_address": 4}
    client, user = start_app(**limits), fakehub.add_user()
    fakehub.hub_answers += [("POST", "/login", page_answer(500))] * 4
    for _ in range(4):
        problem_of(whoami(client, user.basic), 503)
    assert "your address" in problem_of(whoami(client, user.basic), 429)["detail"]
    assert signs_in(fakehub) == 4


def test_somebody_whose_password_takes_long_keeps_nobody_waiting(client, fakehub):
    slow, other = fakehub.add_user(), fakehub.add_user(server="ready")
    fakehub.password_gate.clear()
    waiting = threading.Thread(target=lambda: whoami(client, slow.basic))
    waiting.start()
    wait_until(lambda: signs_in(fakehub), "the sign-in")
    assert client.get("/health").status_code == 200
    assert client.launch(other).status_code == 200
    fakehub.password_gate.set()
    waiting.join(10)


# wrong passwords of one address


def test_wrong_passwords_for_many_names_are_limited_over_processes(start_app, fakehub):
    apps = [start_app(max_failed_logins_per_address=5, trusted_hops=1) for _ in range(2)]
    answers = [
        whoami(apps[n % 2], basic(fakehub.add_user().name, "password"), "192.0.2.1")
        for n in range(60)
    ]
    assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 55
    assert "your address" in problem_of(answers[-1], 429)["detail"]
    assert 0 < int(answers[-1].headers["retry-after"]) <= 60
    assert signs_in(fakehub) == 5
    user = fakehub.add_user()
    problem_of(whoami(apps[0], user.basic, "192.0.2.1"), 429)  # nor does a right one get through
    assert whoami(apps[0], user.auth, "192.0.2.1").status_code == 200
    assert whoami(apps[0], user.basic, "192.0.2.2").status_code == 200


def test_a_password_of_ones_own_does_not_give_the_address_new_tries(start_app, fakehub):
    client = start_app(max_failed_logins_per_address=4, identity_seconds=0)
    own = fakehub.add_user()
    for _ in range(4):
        problem_of(whoami(client, basic(fakehub.add_user().name, "wrong")), 401)
        answer = whoami(client, own.basic)
    assert answer.status_code == 200
    problem_of(whoami(client, basic(fakehub.add_user().name, "wrong")), 429)


def test_a_class_that_signs_in_at_once_is_let_in(start_app, fakehub):
    client = start_app(max_failed_logins_per_address=1, max_unknown_tokens_per_address=1)
    users = [fakehub.add_user() for _ in range(40)]
    answers = at_once(40, lambda n: whoami(client, (users[n].basic, users[n].auth)[n % 2]))
    assert {answer.status_code for answer in answers} == {200}


def test_names_that_no_hub_takes_use_up_tries_of_the_address(start_app, fakehub):
    client = start_app(max_failed_logins_per_address=3)
    names = ["", "\x01victim", "v" * 1025, "victim"]
    answers = [whoami(client, basic(name, "wrong")).status_code for name in names]
    assert answers == [401, 401, 401, 429]
    assert fakehub.lines() == []


@pytest.mark.parametrize("limit", ["max_failed_logins", "max_failed_logins_per_address"])
def test_who_is_refused_costs_neither_hub_nor_database(start_app, fakehub, tmp_path, limit):
    client, user = start_app(**{limit: 1}), fakehub.add_user()
    problem_of(whoami(client, basic(user.name, "wrong")), 401)
    problem_of(whoami(client, basic(user.name, "wrong")), 429)
    before = fakehub.lines()
    with without_table(tmp_path):
        for n in range(5):
            problem_of(whoami(client, basic(user.name, f"guess {n}")), 429)
    assert fakehub.lines() == before


def test_a_hub_without_passwords_is_not_asked_about_each(start_app, fakehub):
    client, fakehub.login = start_app(), "oauth"
    for n in range(5):
        problem_of(whoami(client, basic("victim", f"guess {n}")), 401)
    assert len(fakehub.lines("GET /hub/login")) == 1


# unknown tokens of one address


def test_unknown_tokens_are_limited_over_processes(start_app, fakehub):
    apps = [start_app(max_unknown_tokens_per_address=6, trusted_hops=1) for _ in range(2)]
    known, late = fakehub.add_user(), fakehub.add_user()
    assert {whoami(app, known.auth, "192.0.2.1").status_code for app in apps} == {200}
    asked = identifies(fakehub)
    answers = [whoami(apps[n % 2], unknown(n), "192.0.2.1") for n in range(40)]
    statuses = [answer.status_code for answer in answers]
    assert statuses[:6] == [401] * 6
    assert set(statuses[8:]) == {429}
    assert "your address" in problem_of(answers[-1], 429)["detail"]
    assert 0 < int(answers[-1].headers["retry-after"]) <= 60
    assert identifies(fakehub) - asked <= 8  # each process finds out by itself
    problem_of(whoami(apps[0], late.auth, "192.0.2.1"), 429)
    assert whoami(apps[0], known.auth, "192.0.2.1").status_code == 200
    assert whoami(apps[0], known.basic, "192.0.2.1").status_code == 200
    assert whoami(apps[0], late.auth, "192.0.2.2").status_code == 200


def test_unknown_tokens_at_the_same_moment_are_few_at_the_hub(start_app, fakehub):
    client = start_app(max_unknown_tokens_per_address=5)
    answers = at_once(100, lambda n: whoami(client, unknown(n)))
    assert {answer.status_code for answer in answers} == {401, 429}
    assert identifies(fakehub) <= 5 + 20


def test_the_reader_of_metrics_is_limited_too(start_app, fakehub):
    client = start_app(max_unknown_tokens_per_address=1)
    problem_of(client.get("/metrics", headers=unknown(1)), 401)
    problem_of(client.get("/metrics", headers=unknown(2)), 429)


def test_one_unknown_token_again_and_again_uses_up_one_try(start_app, fakehub):
    client, user = start_app(max_unknown_tokens_per_address=2), fakehub.add_user()
    for _ in range(10):
        problem_of(whoami(client, unknown(1)), 401)
    assert whoami(client, user.auth).status_code == 200


def test_who_sends_unknown_tokens_costs_neither_hub_nor_database(start_app, fakehub, tmp_path):
    client = start_app(max_unknown_tokens_per_address=1)
    problem_of(whoami(client, unknown(0)), 401)
    before = fakehub.lines()
    with without_table(tmp_path):
        for n in range(1, 6):
            problem_of(whoami(client, unknown(n)), 429)
    assert fakehub.lines() == before


def test_a_good_token_writes_nothing(start_app, fakehub, tmp_path):
    client, user = start_app(), fakehub.add_user()
    with without_table(tmp_path):
        assert whoami(client, user.auth).status_code == 200


@pytest.mark.parametrize("kind", ["auth", "basic"])
def test_neighbours_failures_do_not_stop_who_was_right_before(start_app, fakehub, kind):
    limits = {"max_failed_logins_per_address": 1, "max_unknown_tokens_per_address": 1}
    client, user = start_app(identity_seconds=0, **limits), fakehub.add_user()
    credential = getattr(user, kind)
    assert whoami(client, credential).status_code == 200
    problem_of(whoami(client, unknown(1)), 401)
    problem_of(whoami(client, basic(fakehub.add_user().name, "wrong")), 401)
    problem_of(whoami(client, getattr(fakehub.add_user(), kind)), 429)
    assert whoami(client, credential).status_code == 200
    user.token = user.password = "another"
    problem_of(whoami(client, credential), 401)  # the hub is asked each time


# the audit log


@pytest.fixture
def audited(caplog):
    """The events of the audit log so far, each with its fields."""
    caplog.set_level(logging.INFO, "launcher.audit")
    return lambda: [
        (record.getMessage(), record.fields)
        for record in caplog.records
        if record.name == "launcher.audit"
    ]


def test_a_wrong_password_leaves_a_line_with_name_and_address(start_app, fakehub, audited):
    client = start_app(trusted_hops=1)
    user = fakehub.add_user()
    whoami(client, basic(user.name.upper(), "canary"), "192.0.2.7")
    assert audited() == [("login_failed", {"user": user.name.upper(), "address": "192.0.2.7"})]


@pytest.mark.parametrize("name", ["\x01vic\x1b[31m\ntim", "v" * 1000, '","event":"forged'])
def test_whatever_the_name_it_is_one_short_line(start_app, fakehub, caplog, name):
    caplog.set_level(logging.INFO, "launcher.audit")
    whoami(start_app(), basic(name, "canary"))
    [record] = [record for record in caplog.records if record.name == "launcher.audit"]
    for formatter in (logs.JSONLines(), logs.Text()):
        line = formatter.format(record)
        assert line.isprintable()
        assert len(line) < 1000
        assert "canary" not in line


def test_who_has_to_wait_is_told_of_once(start_app, fakehub, audited):
    client = start_app(max_failed_logins=2, trusted_hops=1)
    user = fakehub.add_user()
    for n in range(20):
        whoami(client, basic(user.name, f"canary {n}"), "192.0.2.7")
    where = {"user": user.name, "address": "192.0.2.7"}
    assert audited() == [("login_failed", where)] * 2 + [("login_throttled", where)]


def test_the_lines_of_an_address_are_bounded_whatever_it_tries(start_app, fakehub, audited):
    client = start_app(max_failed_logins_per_address=5, max_unknown_tokens_per_address=5)
    for n in range(50):
        whoami(client, basic(f"\x01{n}" if n % 2 else f"name {n}", "canary"))
        whoami(client, unknown(n))
    events = [event for event, _ in audited()]
    assert events.count("login_failed") == 5
    assert events.count("token_refused") == 5
    assert events.count("login_throttled") == 1
    assert events.count("tokens_throttled") == 1
    assert len(events) == 12
    assert "canary" not in repr(audited())
    assert "nobodys" not in repr(audited())


# addresses

LOCAL = ["127.0.0.0/8", "::1", "10.0.0.0/8", "fd00::/8"]


@pytest.mark.parametrize(
    ("peer", "forwarded", "hops", "address"),
    [
        ("10.0.0.1", "", 0, "10.0.0.1"),
        ("10.0.0.1", "1.2.3.4", 0, "10.0.0.1"),
        ("10.0.0.1", "1.2.3.4", 1, "1.2.3.4"),
        ("10.0.0.1", "6.6.6.6, 1.2.3.4", 1, "1.2.3.4"),
        ("10.0.0.1", "", 1, "10.0.0.1"),
        ("::1", "2001:db8:1:2:3::4", 1, "2001:db8:1:2::/64"),
        ("2001:db8:1:2:3::4", "", 0, "2001:db8:1:2::/64"),
        # the chain is walked as long as the hops are trusted
        ("10.0.0.1", "6.6.6.6,1.2.3.4, 10.7.7.7", 2, "1.2.3.4"),
        ("10.0.0.1", "6.6.6.6, 1.2.3.4, 5.6.7.8", 2, "5.6.7.8"),
        ("10.0.0.1", "6.6.6.6, 10.1.1.1, 10.2.2.2", 2, "10.1.1.1"),
        ("10.0.0.1", "1.2.3.4", 2, "1.2.3.4"),
        ("10.0.0.1", "1.2.3.4", 10**9, "1.2.3.4"),
        # who is no proxy is not believed
        ("198.51.100.9", "1.2.3.4", 1, "198.51.100.9"),
        ("2001:db8::1", "1.2.3.4", 1, "2001:db8::/64"),
        # IPv4 on a socket for both
        ("::ffff:198.51.100.7", "", 0, "198.51.100.7"),
        ("::ffff:c633:6407", "", 0, "198.51.100.7"),
        ("::ffff:127.0.0.1", "::ffff:198.51.100.7", 1, "198.51.100.7"),
        ("::FFFF:10.0.0.1", "1.2.3.4", 1, "1.2.3.4"),
        # IPv4 in IPv6, where many customers share a /64; none of it is a proxy of ours
        ("::1", "2002:c633:6407::1", 1, "198.51.100.7"),
        ("::1", "64:ff9b::c633:6407", 1, "198.51.100.7"),
        ("::1", "2001:0:4136:e378:8000:63bf:39cc:9bf8", 1, "198.51.100.7"),
        ("2002:7f00:1::1", "1.2.3.4", 1, "127.0.0.1"),
        ("64:ff9b::7f00:1", "1.2.3.4", 1, "127.0.0.1"),
        # as some proxies write it
        ("10.0.0.1", "198.51.100.7:4711", 1, "198.51.100.7"),
        ("10.0.0.1", "[2001:db8::1]:4711", 1, "2001:db8::/64"),
        ("10.0.0.1", "[2001:db8::1]", 1, "2001:db8::/64"),
        ("10.0.0.1", '"[2001:db8::1]:4711"', 1, "2001:db8::/64"),
        ("10.0.0.1", "[::ffff:198.51.100.7]:1", 1, "198.51.100.7"),
        ("10.0.0.1", "fe80::1%eth0", 1, "fe80::/64"),
        ("fe80::1%2", "", 0, "fe80::/64"),
        # what is no address ends the walk
        ("10.0.0.1", "nonsense", 1, "10.0.0.1"),
        ("10.0.0.1", "unknown", 1, "10.0.0.1"),
        ("10.0.0.1", "1.2.3.4, ", 1, "10.0.0.1"),
        ("10.0.0.1", "1.2.3.4,undefined", 2, "10.0.0.1"),
        ("10.0.0.1", ",,,,", 3, "10.0.0.1"),
        ("10.0.0.1", "010.2.3.4", 1, "10.0.0.1"),
        ("10.0.0.1", "16909060", 1, "10.0.0.1"),
        ("10.0.0.1", "1.2.3.4.5", 1, "10.0.0.1"),
        ("10.0.0.1", "[1.2.3.4", 1, "10.0.0.1"),
        ("10.0.0.1", "1.2.3.4\x00", 1, "10.0.0.1"),
        ("10.0.0.1", "\uff11.2.3.4", 1, "10.0.0.1"),
        ("10.0.0.1", "1" * 100_000, 1, "10.0.0.1"),
        ("10.0.0.1", ":" * 8000, 1, "10.0.0.1"),
        ("10.0.0.1", "1.2.3.4," * 9000, 9000, "10.0.0.1"),
        # a unix socket, which is not believed unless the settings say so
        ("", "", 0, ""),
        ("", "1.2.3.4", 1, ""),
        ("/", "1.2.3.4", 1, ""),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_the_address_is_what_the_trusted_proxies_vouch_for(peer, forwarded, hops, address):
    assert client_address(peer, forwarded, TrustedProxies.of(hops, LOCAL)) == address


def test_the_other_end_of_a_unix_socket_is_believed_when_the_settings_say_so():
    proxies = TrustedProxies.of(2, ["unix", "10.0.0.0/8"])
    assert client_address("", "6.6.6.6, 1.2.3.4, 10.1.1.1", proxies) == "1.2.3.4"
    assert client_address("127.0.0.1", "1.2.3.4", proxies) == "127.0.0.1"


@pytest.mark.parametrize(
    ("settings", "addresses", "last"),
    [
        ({"trusted_hops": 0}, ["1.1.1.1", "2.2.2.2", "3.3.3.3"], 429),
        ({"trusted_hops": 1}, ["1.1.1.1", "2.2.2.2", "3.3.3.3"], 401),
        (
            {"trusted_hops": 1},
            ["1.1.1.1, 9.9.9.9", "2.2.2.2, 9.9.9.9", "3.3.3.3, 9.9.9.9"],
            429,
        ),
        (
            {"trusted_hops": 1, "trusted_proxies": ["10.0.0.1"]},
            ["1.1.1.1", "2.2.2.2", "3.3.3.3"],
            429,
        ),
        (
            {"trusted_hops": 1},
            ["::ffff:1.1.1.1", "::ffff:2.2.2.2", "::ffff:3.3.3.3"],
            401,
        ),
    ],
)
def test_a_header_gives_new_tries_only_from_the_right_hop(
    start_app, fakehub, settings, addresses, last
):
    client, user = start_app(max_failed_logins=2, **settings), fakehub.add_user()
    for address in addresses:
        status = whoami(client, basic(user.name, "wrong"), address).status_code
    assert status == last


@pytest.mark.parametrize("name", ["X-Real-IP", "Forwarded", "X-Client-IP", "True-Client-IP"])
def test_no_other_header_gives_new_tries(start_app, fakehub, name):
    client, user = start_app(max_failed_logins=1, trusted_hops=1), fakehub.add_user()
    whoami(client, basic(user.name, "wrong"))
    problem_of(whoami(client, {**basic(user.name, "wrong"), name: "for=1.2.3.4"}), 429)


@pytest.mark.parametrize(
    ("settings", "warnings"),
    [
        ({"trusted_hops": 0}, 1),
        ({"trusted_hops": 1, "trusted_proxies": ["10.0.0.1"]}, 1),
        ({"trusted_hops": 1}, 0),
        ({"trusted_hops": 0, "trusted_proxies": []}, 0),
    ],
)
def test_settings_that_do_not_fit_a_proxy_are_warned_of_once(
    start_app, fakehub, caplog, settings, warnings
):
    client = start_app(**settings)
    for n in range(3):
        whoami(client, unknown(n), "1.2.3.4")
    assert caplog.text.count("trusted_hops") == warnings


@pytest.fixture
def unix_socket(fakehub, tmp_path):
    """The unix socket of gunicorn, whose other end is a proxy."""
    settings = "c.Launcher.trusted_hops = 1\nc.Launcher.trusted_proxies = ['unix']\n"
    settings += "c.Launcher.max_failed_logins_per_address = 1\n"
    (tmp_path / "launcher_config.py").write_text(settings)
    command = [sys.executable, "-W", "ignore", "-m", "launcher", "serve", "--workers", "1"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "--bind", f"unix:{tmp_path}/s"],
            cwd=tmp_path,
            env={**environment(fakehub, tmp_path), "PATH": ""},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until((tmp_path / "s").exists, "the socket")
        yield str(tmp_path / "s")
    finally:
        process.terminate()
        process.wait(20)


def status_over(unix_socket, headers):
    """The status of GET /user."""
    lines = ["GET /user HTTP/1.1", "Host: x", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    with socket.socket(socket.AF_UNIX) as wire:
        wire.settimeout(20)
        wire.connect(unix_socket)
        wire.sendall("\r\n".join([*lines, "", ""]).encode())
        return int(wire.recv(4096).split()[1])


def test_a_proxy_on_a_unix_socket_vouches_for_its_callers(unix_socket):
    wrong = [
        status_over(unix_socket, {**basic("mallory", "wrong"), "X-Forwarded-For": address})
        for address in ("192.0.2.1", "192.0.2.1", "192.0.2.2")
    ]
    assert wrong == [401, 429, 401]
