"""The settings: where each comes from, what goes before what, and what stops the start."""

import os
import subprocess
import sys

import pytest
from click.testing import CliRunner
from traitlets import TraitError

from launcher import config
from launcher.cli import main
from launcher.config import Launcher
from launcher.errors import ConfigError

GOOD = {"JUPYTERHUB_URL": "http://hub.example:8000", "JUPYTERHUB_TOKEN": "secret"}
PUBLIC = "JUPYTERHUB_PUBLIC_HUB_URL"
BASE = "JUPYTERHUB_BASE_URL"
CALLBACK = "JUPYTERHUB_OAUTH_CALLBACK_URL"


@pytest.mark.parametrize(
    ("environ", "setting", "value"),
    [
        ({}, "jupyterhub_url", "http://hub.example:8000"),
        ({PUBLIC: "https://other.example/hub/"}, "jupyterhub_url", "http://hub.example:8000"),
        (
            {"JUPYTERHUB_URL": "", PUBLIC: "https://h.example/jupyter/hub/"},
            "jupyterhub_url",
            "https://h.example/jupyter",
        ),
        (
            {"JUPYTERHUB_URL": "", "JUPYTERHUB_HOST": "https://h.example", BASE: "/jupyter/"},
            "jupyterhub_url",
            "https://h.example/jupyter",
        ),
        ({}, "hub_api_url", "http://hub.example:8000/hub/api"),
        ({"JUPYTERHUB_URL": "http://h/x/"}, "hub_api_url", "http://h/x/hub/api"),
        ({"JUPYTERHUB_API_URL": "http://api:1/hub/api"}, "hub_api_url", "http://api:1/hub/api"),
        ({}, "proxy_url", "http://hub.example:8000"),
        ({}, "api_token", "secret"),
        ({"JUPYTERHUB_API_TOKEN": "managed"}, "api_token", "managed"),
        ({}, "service_name", "launcher"),
        ({"JUPYTERHUB_SERVICE_NAME": "portal"}, "service_name", "portal"),
        ({}, "prefix", ""),
        ({"BASE_PATH": "/launcher"}, "prefix", "/launcher"),
        ({"BASE_PATH": "launcher/"}, "prefix", "/launcher"),
        ({"BASE_PATH": "/"}, "prefix", ""),
        ({"JUPYTERHUB_SERVICE_PREFIX": "/services/launcher/"}, "prefix", "/services/launcher"),
        (
            {"JUPYTERHUB_SERVICE_PREFIX": "/services/launcher/", "BASE_PATH": "/x"},
            "prefix",
            "/x",
        ),
        ({}, "database_url", "sqlite:///launcher.sqlite"),
        ({"LAUNCHER_DATABASE_URL": "sqlite:////d/l.sqlite"}, "database_url", "sqlite:////d/l.sqlite"),
        ({"LAUNCHER_DATABASE_URL": "sqlite:////d/l.sqlite"}, "secret_file", "/d/launcher_secret"),
        ({"LAUNCHER_DATABASE_URL": "postgresql://h/l"}, "secret_file", "launcher_secret"),
        ({}, "secret_file", "launcher_secret"),
        ({}, "trusted_hops", 0),
        ({"JUPYTERHUB_SERVICE_PREFIX": "/services/launcher/"}, "trusted_hops", 1),
        ({}, "trusted_proxies", ["127.0.0.0/8", "::1"]),
        ({}, "bind", "127.0.0.1:8888"),
        ({"JUPYTERHUB_SERVICE_URL": "http://127.0.0.1:4711"}, "bind", "127.0.0.1:4711"),
        ({}, "allowed_origins", []),
        ({}, "experiment_paths", []),
        ({}, "strict_scopes", False),
    ],
)  # fmt: skip
def test_a_setting_comes_from_the_environment_or_its_default(environ, setting, value):
    assert getattr(Launcher({**GOOD, **environ}).check(), setting) == value


def test_what_the_configuration_file_says_goes_before_the_environment(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "launcher_config.py").write_text("c.Launcher.base_path = '/from-the-file'")
    settings = config.load({**GOOD, "BASE_PATH": "/from-the-environment"})
    assert settings.prefix == "/from-the-file"
    assert settings.api_token == "secret"


def test_without_a_file_the_environment_is_enough(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert config.load(GOOD).api_token == "secret"


@pytest.mark.parametrize(
    "name", ["portal.py", "launcher_config.py", "portal.config.py", "portal.conf"]
)
def test_launcher_config_names_the_file_that_is_read(tmp_path, monkeypatch, name):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "launcher_config.py").write_text("c.Launcher.service_name = 'wrong'")
    (tmp_path / "elsewhere" / name).write_text("c.Launcher.service_name = 'right'")
    environ = {**GOOD, "LAUNCHER_CONFIG": f"elsewhere/{name}"}
    assert config.load(environ).service_name == "right"


@pytest.mark.parametrize("path", ["../{username}", "home/.x", "home//x", "{user}", "a\\b", "."])
def test_a_home_path_that_leads_elsewhere_stops_the_start(path):
    with pytest.raises(ConfigError, match="home_path"):
        config.Launcher(GOOD, home_path=path).check()


@pytest.mark.parametrize(
    "path", ["", "home/{username}", "/home/{username}/", "mnt/a b/u-{username}"]
)
def test_a_home_path_may_hold_the_name_of_the_user(path):
    assert config.Launcher(GOOD, home_path=path).check().home_path == path


@pytest.mark.parametrize(
    "path", ["", "/projects", "..", "a/../b", ".projects", "a/.b", "a//b", "a/", "a\\b", "a\nb"]
)
def test_a_folder_of_projects_that_leads_elsewhere_or_is_hidden_stops_the_start(path):
    with pytest.raises(ConfigError, match=r"c\.Launcher\.projects_folder must"):
        Launcher(GOOD, projects_folder=path).check()


@pytest.mark.parametrize("path", ["projects", "work/git projects"])
def test_the_workspaces_of_projects_may_lie_anywhere_else_below_the_home(path):
    assert Launcher(GOOD, projects_folder=path).check().projects_folder == path


def test_a_file_that_launcher_config_names_must_be_there(tmp_path):
    with pytest.raises(ConfigError, match="LAUNCHER_CONFIG"):
        config.load({**GOOD, "LAUNCHER_CONFIG": str(tmp_path / "missing.py")})


@pytest.mark.parametrize(
    "text",
    ["c.Launcher.start_timeout = 0", "c.Launcher.identity_seconds = 301", "c.Launcher.(",
     "c.Launcher.allowed_origins = 7", "raise ValueError('no')", "import nothing_there"],
)  # fmt: skip
def test_a_file_that_cannot_be_used_stops_the_start_with_a_sentence(tmp_path, text):
    path = tmp_path / "launcher_config.py"
    path.write_text(text)
    with pytest.raises(ConfigError):
        config.load({**GOOD, "LAUNCHER_CONFIG": str(path)})


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"JUPYTERHUB_URL": ""}, "Set JUPYTERHUB_URL"),
        ({"JUPYTERHUB_TOKEN": ""}, "Set JUPYTERHUB_TOKEN"),
        ({"JUPYTERHUB_TOKEN": "a b"}, "JUPYTERHUB_TOKEN"),
        ({"JUPYTERHUB_TOKEN": "a\n"}, "JUPYTERHUB_TOKEN"),
        ({"JUPYTERHUB_TOKEN": "ü"}, "JUPYTERHUB_TOKEN"),
        ({"JUPYTERHUB_URL": "hub.example"}, "JUPYTERHUB_URL"),
        ({"JUPYTERHUB_URL": "ftp://hub.example"}, "JUPYTERHUB_URL"),
        ({"JUPYTERHUB_URL": "http://"}, "JUPYTERHUB_URL"),
        ({"JUPYTERHUB_URL": "http://u:p@hub.example"}, "JUPYTERHUB_URL"),
        ({"JUPYTERHUB_URL": "http://hub.example/?x=y"}, "JUPYTERHUB_URL"),
        ({"JUPYTERHUB_URL": "http://hub.example/#x"}, "JUPYTERHUB_URL"),
        ({"JUPYTERHUB_URL": "http://hub.example:99999"}, "JUPYTERHUB_URL"),
        ({"JUPYTERHUB_URL": "http://[::1"}, "JUPYTERHUB_URL"),
        ({"JUPYTERHUB_API_URL": "/hub/api"}, "JUPYTERHUB_API_URL"),
        ({"JUPYTERHUB_URL": "/jupyter"}, "allowed_origins"),
        ({"PROMETHEUS_MULTIPROC_DIR": "/nowhere"}, "PROMETHEUS_MULTIPROC_DIR"),
        ({"BASE_PATH": "/a b"}, "BASE_PATH"),
        ({"BASE_PATH": "http://x/y"}, "BASE_PATH"),
        ({"BASE_PATH": "/a//b"}, "BASE_PATH"),
        ({"BASE_PATH": "/a/../b"}, "BASE_PATH"),
        ({"BASE_PATH": "/{x}"}, "BASE_PATH"),
        (
            {PUBLIC: "https://hub.example/hub/", "JUPYTERHUB_PUBLIC_URL": "https://s.hub.example/"},
            "subdomain",
        ),
        (
            {"JUPYTERHUB_HOST": "https://hub.example", CALLBACK: "https://s.hub.example/x"},
            "subdomain",
        ),
    ],
)
def test_what_is_missing_or_unusable_stops_the_start_with_a_sentence(environ, said):
    with pytest.raises(ConfigError, match=said) as stopped:
        Launcher({**GOOD, **environ}).check()
    assert "u:p" not in str(stopped.value)


@pytest.mark.parametrize(
    "origin",
    ["*", "null", "https://x.example/", "https://x.example/path", "HTTPS://X.example", "x.example",
     "https://*.example", "https://x.example:port", "https://u@x.example", "", "https://x.example\n"],
)  # fmt: skip
def test_an_origin_that_no_browser_sends_stops_the_start(origin):
    with pytest.raises(ConfigError, match="allowed_origins"):
        Launcher(GOOD, allowed_origins=[origin]).check()


@pytest.mark.parametrize(
    "origin",
    ["https://x.example", "http://localhost:8080", "http://127.0.0.1", "http://[::1]:8000"],
)
def test_an_origin_as_browsers_write_it_is_taken(origin):
    assert Launcher(GOOD, allowed_origins=[origin]).check().allowed_origins == [origin]


# proxies


@pytest.mark.parametrize(
    "proxy",
    ["", "proxy.example.org", "10.0.0.300", "10.0.0.1/8", "10.0.0.1:80", "*", "::ffff:10.0.0.1",
     "::ffff:10.0.0.0/104", " 10.0.0.1", "unix:/run/x"],
)  # fmt: skip
def test_a_proxy_that_is_no_address_stops_the_start_with_a_sentence(proxy):
    with pytest.raises(ConfigError, match="trusted_proxies"):
        Launcher(GOOD, trusted_proxies=["10.0.0.1", proxy]).check()


def test_a_proxy_is_an_address_a_network_or_the_unix_socket():
    proxies = ["10.0.0.1", "10.1.0.0/16", "fd00::1", "fd00::/8", "unix"]
    assert Launcher(GOOD, trusted_proxies=proxies).check().trusted_proxies == proxies


@pytest.mark.parametrize(
    "setting",
    ["max_failed_logins", "max_failed_logins_per_address", "max_unknown_tokens_per_address"],
)
def test_a_limit_of_nothing_would_lock_everybody_out(setting):
    with pytest.raises(TraitError):
        Launcher(GOOD, **{setting: 0})


# JUPYTERHUB_URL as a path

PATH = {
    **GOOD,
    "JUPYTERHUB_URL": "/jupyter",
    "JUPYTERHUB_API_URL": "http://hub:8081/jupyter/hub/api",
}
ORIGINS = ["https://first.example", "https://second.example"]


def by_path(environ=None, **settings):
    settings = {"proxy_url": "http://proxy:8000/jupyter", "allowed_origins": ORIGINS, **settings}
    return Launcher({**PATH, **(environ or {})}, **settings)


@pytest.mark.parametrize(
    ("origin", "url"),
    [
        ("https://first.example", "https://first.example/jupyter"),
        ("https://second.example", "https://second.example/jupyter"),
        ("https://evil.example", "https://first.example/jupyter"),
        ("https://second.example.evil.example", "https://first.example/jupyter"),
        ("null", "https://first.example/jupyter"),
        (None, "https://first.example/jupyter"),
    ],
)
def test_a_hub_at_a_path_is_reached_at_a_listed_origin(origin, url):
    assert by_path().check().public_url(origin) == url


def test_a_hub_at_an_address_is_reached_there_whatever_the_origin():
    settings = Launcher(GOOD, allowed_origins=ORIGINS).check()
    assert settings.public_url(ORIGINS[0]) == "http://hub.example:8000"


@pytest.mark.parametrize(
    ("settings", "environ", "said"),
    [
        ({"allowed_origins": []}, {}, "allowed_origins"),
        ({"proxy_url": ""}, {}, "proxy_url"),
        ({"proxy_url": "/jupyter"}, {}, "proxy_url"),
        ({}, {"JUPYTERHUB_API_URL": ""}, "JUPYTERHUB_API_URL"),
    ],
)
def test_a_path_needs_absolute_addresses_beside_it(settings, environ, said):
    with pytest.raises(ConfigError, match=said):
        by_path(environ, **settings).check()


@pytest.mark.parametrize("origin", [*ORIGINS, "https://evil.example", None])
def test_the_location_is_built_on_a_listed_origin_alone(start_app, fakehub, alice, origin):
    client = start_app(
        {"JUPYTERHUB_URL": "/", "JUPYTERHUB_API_URL": f"{fakehub.url}/hub/api"},
        proxy_url=fakehub.url,
        allowed_origins=ORIGINS,
    )
    headers = {**alice.auth, **({"Origin": origin} if origin else {}), "Host": "evil.example"}
    location = client.launch(alice, headers | {"X-Forwarded-Host": "evil.example"}).json()[
        "location"
    ]
    expected = origin if origin in ORIGINS else ORIGINS[0]
    assert location.startswith(f"{expected}/user/{alice.name}/lab/")


# from the command line


@pytest.mark.parametrize(
    "environ", [{}, {**GOOD, "JUPYTERHUB_TOKEN": ""}, {**GOOD, "BASE_PATH": "?"}]
)
def test_serve_ends_with_a_sentence_and_no_traceback(tmp_path, environ):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "launcher", "serve", "--bind", "127.0.0.1:0"],
        cwd=tmp_path, env={"PATH": os.environ["PATH"], **environ}, capture_output=True, text=True,
        timeout=30, check=False,
    )  # fmt: skip
    assert done.returncode == 4
    assert done.stderr.startswith("launcher: ")
    assert "Traceback" not in done.stderr


def test_the_example_file_names_every_setting():
    text = CliRunner().invoke(main, ["config"]).output
    for name in Launcher.settings():
        assert f"c.Launcher.{name}" in text, name
