"""What people read of what spawners, hooks and servers say."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from launcher.redaction import MOST_CHARACTERS, redact

GITHUB = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.dBjftJeZ4CVP-mBz92K27uhbUJU1p1r"
AWS = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
HEX = "3f1c9a52b7d84e0f96c2d81a5b7e4f30"

# (what is said, what is shown: None where it is the same)

# KubeSpawner: events of Kubernetes, and errors of its API
KUBERNETES = [
    (
        "2026-11-20T09:00:00Z [Normal] Successfully assigned jupyter/jupyter-alice to node-a",
        "2026-11-20T09:00:00Z [Normal] Successfully assigned jupyter/jupyter-alice to [address]",
    ),
    (
        "Successfully assigned hub/jupyter-alice to ip-10-0-0-1.ec2.internal",
        "Successfully assigned hub/jupyter-alice to [address]",
    ),
    (
        "Node ip-10-0-0-1.ec2.internal and gke-prod-pool-1-abc are not ready",
        "Node [address] and [address] are not ready",
    ),
    (
        'Failed to pull image "quay.io/user/image:tag": rpc error: desc = not found',
        None,
    ),
    ('Back-off pulling image "jupyter/base-notebook:2026-10-01"', None),
    ("image pull failed: no such image foo:1", None),
    ("no such image course:2026 and none jupyterhub/k8s-hub:4.1.0", None),
    (
        "Failed to pull image registry.example.org:5000/course:3: not found",
        "Failed to pull image [address]/course:3: not found",
    ),
    (f"image foo@sha256:{HEX}{HEX} is gone", "image foo@sha256:[secret] is gone"),
    (
        "0/5 nodes are available: 2 Insufficient cpu, 3 node(s) had untolerated taint"
        " {hub.jupyter.org/dedicated: user}. preemption: 0/5 nodes are available",
        None,
    ),
    (
        'pods "jupyter-alice" is forbidden: exceeded quota: compute, requested:'
        " limits.memory=2Gi, used: limits.memory=8Gi, limited: limits.memory=8Gi",
        None,
    ),
    (
        'MountVolume.SetUp failed for volume "pvc-6b7f3d3e-1c2d-4e5f-8a9b-0c1d2e3f4a5b": mount'
        " failed: exit status 32 Mounting arguments: -t nfs 10.0.0.5:/export/home /var/lib/pods/1",
        'MountVolume.SetUp failed for volume "pvc-6b7f3d3e-1c2d-4e5f-8a9b-0c1d2e3f4a5b": mount'
        " failed: exit status 32 Mounting arguments: -t nfs [address]:[path] [path]",
    ),
    (
        "unmounted volumes=[home], unattached volumes=[home kube-api-access-abcde]: timed out",
        None,
    ),
    (
        "dial tcp: lookup registry.internal on 10.96.0.10:53: no such host",
        "dial tcp: lookup [address] on [address]: no such host",
    ),
    (
        "dial tcp [fd00:10:96::1]:443: connect: connection refused",
        "dial tcp [address]: connect: connection refused",
    ),
    (
        'Get "https://registry-1.docker.io/v2/": net/http: TLS handshake timeout',
        'Get "[address]": net/http: TLS handshake timeout',
    ),
    (
        "Readiness probe failed: hub.jupyter.svc.cluster.local:8081 does not answer",
        "Readiness probe failed: [address] does not answer",
    ),
]
DOCKER = [
    (
        "404 Client Error for http+docker://localhost/v1.43/images/foo:1/json: Not Found"
        ' ("No such image: foo:1")',
        '404 Client Error for [address]: Not Found ("No such image: foo:1")',
    ),
    (
        "Bind for 0.0.0.0:8888 failed: port is already allocated",
        "Bind for [address] failed: port is already allocated",
    ),
    (
        "Cannot connect to the Docker daemon at unix:///var/run/docker.sock.",
        "Cannot connect to the Docker daemon at [address].",
    ),
    (
        'invalid mount config for type "bind": source path does not exist: /srv/nfs/My Data/jöe',
        'invalid mount config for type "bind": source path does not exist: [path]',
    ),
    (
        f"container {HEX}{HEX} is not running",
        "container [secret] is not running",
    ),
    ("OCI runtime create failed: write error: no space left on device (exit code: 137)", None),
]
BATCH = [
    (
        "sbatch: error: Batch job submission failed: Invalid account or account/partition"
        " combination specified",
        None,
    ),
    ("Job 4711 failed on node17 after 00:10:02", "Job 4711 failed on [address] after 00:10:02"),
    (
        "qsub: cannot connect to server login-2.hpc.example.org (errno=15010)",
        "qsub: cannot connect to server [address] (errno=15010)",
    ),
    (
        "The Jupyter batch job has disappeared while pending in the queue or died immediately after"
        " starting.",
        None,
    ),
    (
        "JOBID=17 NodeList=cn0012 BatchHost=cn0012 StdErr=/scratch/alice/out.log",
        "JOBID=17 NodeList=[address] BatchHost=[address] StdErr=[path]",
    ),
]
SYSTEM = [
    ("Unit jupyter-alice-singleuser.service could not be found.", None),
    ("Failed to start transient service unit: Unit jupyter-alice.service already exists.", None),
    (
        "alice.service: Failed at step CHDIR spawning /opt/tljh/user/bin/python: No such file",
        "alice.service: Failed at step CHDIR spawning [path]: No such file",
    ),
    (
        "PAM Authentication failed (alice@10.3.4.5): [PAM Error 7] Authentication failure",
        "PAM Authentication failed (alice@[address]): [PAM Error 7] Authentication failure",
    ),
    ("sudo: a password is required", None),
    (
        "[Errno 2] No such file or directory: '/home/alice/My Documents/it is.ipynb'",
        "[Errno 2] No such file or directory: '[path]'",
    ),
    (
        "[WinError 3] The system cannot find the path: 'C:\\\\Users\\\\jöe smith\\\\x'",
        "[WinError 3] The system cannot find the path: '[path]'",
    ),
    (
        r"C:\Program Files\Foo Bar\x.exe and \\fileserver\share\My Docs\a.txt are gone",
        "[path] and [path] are gone",
    ),
    ("cannot read /home/alice/My Report final.ipynb: gone", "cannot read [path]: gone"),
    ("file:///home/alice/x and file:/etc/passwd, ~alice/.ssh/id", "[path] and [path], [path]"),
    ("either both host and port or none of them are allowed", None),
    ("read/write error (I/O) and/or 99.5 % of 2.5 GB at 12:34:56", None),
    ("You have no quota left", None),
    ("HTTP 503: Service Unavailable", None),
    ("404 GET /hub/api/users/alice/server", "404 GET [path]"),
    ("version 1.2.3.4, foo==1.2.3.4, v1.2.3.4, 6.1.1 and Python 3.11", None),
    ("jupyterhub.spawner.LocalProcessSpawner failed in server.py:42", None),
    ("<html><title>503</title></html>", None),
]
NETWORK = [
    (
        "HTTPSConnectionPool(host='hub.jupyter.svc.cluster.local', port=8081): Max retries exceeded"
        " with url: /hub/api/users/alice?token=abc (Caused by NewConnectionError("
        "'<urllib3.connection.HTTPSConnection object at 0x7f1c2d3e4f50>: [Errno 111] refused'))",
        "HTTPSConnectionPool(host=[address], port=8081): Max retries exceeded"
        " with url: [path] (Caused by NewConnectionError("
        "'<urllib3.connection.HTTPSConnection object at 0x7f1c2d3e4f50>: [Errno 111] refused'))",
    ),
    (
        "Cannot connect to host 10.3.4.5:8888 ssl:default [Connect call failed ('10.3.4.5', 8888)]",
        "Cannot connect to host [address] ssl:default [Connect call failed ('[address]', 8888)]",
    ),
    ("hub:8081, localhost and fe80::1%eth0 refused", "[address], [address] and [address] refused"),
    (
        'connection to server at "db" (10.0.0.7), port 5432 failed: FATAL: password authentication'
        ' failed for user "launcher"',
        "connection to server at [address] ([address]), port 5432 failed: FATAL: password"
        ' authentication failed for user "launcher"',
    ),
    (
        f"fatal: unable to access 'https://alice:{GITHUB}@github.com/org/repo.git/': Could not"
        " resolve host: github.com",
        "fatal: unable to access '[address]': Could not resolve host: github.com",
    ),
    (
        "fatal: could not read Username for 'https://github.com': No such device",
        "fatal: could not read Username for '[address]': No such device",
    ),
    ("git@github.com: Permission denied (publickey).", None),
    ("Cloning git@git.example.org:org/repo.git failed", "Cloning [address] failed"),
    (
        "ssh: connect to host git port 22: Connection refused",
        "ssh: connect to host [address] port 22: Connection refused",
    ),
]
SECRETS = [
    (f"Authorization: token {HEX}", "Authorization: [secret]"),
    (f"401 for Bearer {JWT}: expired", "401 for Bearer [secret]: expired"),
    ("Basic dXNlcjpwYXNz was refused", "Basic [secret] was refused"),
    ("basic authentication and token authentication failed", None),
    ("login with password=hunter2, user=alice", "login with password=[secret], user=alice"),
    (
        '{"api_key": "hun ter2", "user": "alice"}',
        '{"api_key": [secret], "user": "alice"}',
    ),
    (r'{"m": "{\"passwd\": \"hun ter2\"}"}', r'{"m": "{\"passwd\": [secret]}"}'),
    (
        "{'JUPYTERHUB_API_TOKEN': 'x y', 'HOME': 'h'}",
        "{'JUPYTERHUB_API_TOKEN': [secret], 'HOME': 'h'}",
    ),
    ("Set-Cookie: a=b; Path=p\nX-Other: c", "Set-Cookie: [secret] X-Other: c"),
    ("mysql --password hunter2 -u alice", "mysql --password [secret] -u alice"),
    ("curl -u alice:hunter2 failed", "curl -u [secret] failed"),
    (f"AKIAIOSFODNN7EXAMPLE with {AWS}", "[secret] with [secret]"),
    ("xoxb-17653672481-19874698323 glpat-9s8d7f6g5h4j3k2l1m0n", "[secret] [secret]"),
    (
        "key: -----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY----- is bad",
        "key: [secret] is bad",
    ),
    ("Invalid token, sign in again", None),
]
TRACEBACK = """Traceback (most recent call last):
  File "/usr/lib/python3/x.py", line 3, in start
    self.launch(key)
ValueError: no such image foo:1
"""


@pytest.mark.parametrize(
    ("said", "shown"), KUBERNETES + DOCKER + BATCH + SYSTEM + NETWORK + SECRETS
)
def test_people_read_the_reason_and_nothing_of_the_machine(said, shown):
    assert redact(said) == (said if shown is None else shown)


def test_of_a_traceback_only_the_exception_is_shown():
    assert redact(TRACEBACK) == "ValueError: no such image foo:1"


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("a\x00b\r\nc\u2028d", "a b c d"),
        ("\x1b[1;31mred\x1b[0m and \x1b[2J", "red and [2J"),
        ("gpj\u202eexe and pass\u200bword=x", "gpjexe and password=[secret]"),
        ("half \ud800 of one", "half \ufffd of one"),
        ("jöe <'&\"> 日本語", "jöe <'&\"> 日本語"),
        ("", ""),
    ],
)
def test_nothing_stays_that_a_terminal_or_a_database_trips_over(said, shown):
    assert redact(said) == shown


def test_a_long_message_is_cut():
    assert redact("word " * 1000, 20) == "word word word word…"
    assert redact("x" * 30, 20) == "x" * 19 + "…"


@pytest.mark.parametrize("secret", [f"password={HEX}", f"/{'x' * 50}", GITHUB, "'/a b c d/e'"])
@pytest.mark.parametrize("shown", range(1, 50, 7))
def test_no_half_of_a_secret_is_shown_where_a_message_is_cut(secret, shown):
    start = "/" + "p" * (MOST_CHARACTERS - shown - 2)
    line = redact(f"{start} {secret} more")
    assert line.startswith("[path]")
    assert re.sub(r"\[(path|secret)\]|password=|more|[' …]", "", line) == ""


@pytest.mark.parametrize(
    "unit",
    ["a", "a.", "/", "/a ", "'", "\\", " ", "a:", "a@", "://", "password=\"'", "eyJ", "1.", "::",
     "-----BEGIN A-----", "a b c/", "Traceback (most recent call last):\n ", "\x1b[", "\ud800",
     "bearer ", "user:"],
)  # fmt: skip
def test_twenty_megabytes_take_no_longer_than_the_beginning(unit):
    text = unit * (20 * 2**20 // len(unit))
    assert len(redact(text)) <= 500


PLANTED = [
    "10.3.4.5:8888",
    "[2001:db8::7]:8888",
    "hub.jupyter.svc.cluster.local",
    "hub.example.org:8081",
    "ip-10-0-0-1.ec2.internal",
    "https://alice:hunter2@example.org/x?y=z",
    "/home/alice/My Documents/notes.ipynb",
    "C:\\Users\\alice smith\\notes",
    "file:/home/alice/notes",
    GITHUB,
    JWT,
    AWS,
    HEX,
    "AKIAIOSFODNN7EXAMPLE",
    "glpat-9s8d7f6g5h4j3k2l1m0n",
    "xoxb-17653672481-19874698323",
]
BEFORE = st.sampled_from(["", " ", "(", "[", "'", '"', "=", ":", ", ", "<", "\n", "\u202e", "\x00"])
AFTER = st.sampled_from(["", " ", ")", "]", "'", '"', ". ", ",", ": ", ";", ">", "\n", "\ud800"])
WORDS = st.text(alphabet=st.characters(), max_size=40)


@given(st.text(alphabet=st.characters(), max_size=600), st.integers(0, 600))
@example("password=" * 100, 500)
@example("[secret]: [path]:[address]", 500)
def test_any_text_becomes_a_short_line_that_stays_as_it_is(text, limit):
    line = redact(text, limit)
    assert len(line) <= limit
    assert line.encode().decode() == line
    assert not line or line.isprintable()
    assert redact(line, limit) == line


@given(st.text(alphabet="/\\.:@=-'\"~[] \nab1C password token Bearer ://", max_size=300))
def test_what_looks_like_secrets_is_stable_too(text):
    assert redact(redact(text)) == redact(text)


@given(WORDS, BEFORE, st.sampled_from(PLANTED), AFTER, WORDS)
def test_a_secret_is_found_in_any_text(before, opening, secret, closing, after):
    line = redact(f"{before} {opening}{secret}{closing} {after}", 2000)
    assert secret not in line
    assert secret[-6:] not in line.replace(redact(before, 2000), "").replace(
        redact(after, 2000), ""
    )


@given(
    WORDS,
    st.sampled_from(["password", "DB_PASSWORD", "api_key", "client_secret", "token", '"passwd"']),
    st.sampled_from(["=", ": ", "= ", ":"]),
    st.sampled_from(["{}", "'{}'", '"{}"', "b'{}'"]),
    WORDS,
)
def test_the_value_beside_a_telling_name_is_never_shown(before, name, equals, quoted, after):
    line = redact(f"{before} {name}{equals}{quoted.format('hunter-two')}, {after}", 2000)
    assert "hunter-two" not in line
