"""What `configure` adds to a hub's configuration, and what it refuses."""

import os

import pytest
from hub_blocks import block
from traitlets.config import Config

from launcher.jupyterhub import configure, profile_system
from launcher.jupyterhub.configuration import (
    NotConfigured,
    check_failure_limit,
    check_internal_ssl,
)


@pytest.fixture
def c(monkeypatch):
    monkeypatch.delenv("LAUNCHER_HOOK_TOKEN", raising=False)
    return Config()


def test_a_managed_launcher_and_the_hook_share_a_new_secret(c):
    configure(c, "cluster")
    (service,) = c.JupyterHub.services
    secret = service["environment"]["LAUNCHER_HOOK_TOKEN"]
    assert len(secret) == 48
    assert c.Spawner.pre_spawn_hook.secret == secret
    assert secret not in repr(c.Spawner.pre_spawn_hook)
    assert c.Spawner.pre_spawn_hook.url == "http://127.0.0.1:8888/services/launcher"


def test_the_secret_of_a_launcher_beside_the_hub_comes_from_the_environment(c, monkeypatch):
    with pytest.raises(NotConfigured, match="Set LAUNCHER_HOOK_TOKEN in the environment"):
        configure(c, "cluster", managed=False, api_token="t")
    monkeypatch.setenv("LAUNCHER_HOOK_TOKEN", "shared")
    with pytest.raises(NotConfigured, match="needs its api_token"):
        configure(c, "cluster", managed=False)
    configure(c, "cluster", managed=False, api_token="t")
    assert c.Spawner.pre_spawn_hook.secret == "shared"
    assert c.JupyterHub.services[0]["api_token"] == "t"


def test_what_the_hub_has_already_stays(c):
    c.JupyterHub.services = [{"name": "other"}]
    c.JupyterHub.load_roles = [{"name": "user", "scopes": ["self", "shares!user"]}]
    c.JupyterHub.custom_scopes = {"custom:site": {"description": "x"}}
    c.Spawner.server_token_scopes = ["users:activity!user"]
    c.JupyterHub.base_url = "/hub 1/"
    configure(c, "cluster", service="launch")
    assert [each["name"] for each in c.JupyterHub.services] == ["other", "launch"]
    user, launcher = c.JupyterHub.load_roles
    assert user["scopes"][:2] == ["self", "shares!user"]
    assert set(user["scopes"][2:]) == {"access:services!service=launch", "custom:launcher:server"}
    assert launcher == {"name": "launch", "services": ["launch"], "scopes": ["servers"]}
    assert set(c.JupyterHub.custom_scopes) == {"custom:site", "custom:launcher:server"}
    assert c.Spawner.server_token_scopes == ["users:activity!user", "custom:launcher:server"]


def test_the_launcher_may_look_up_the_members_of_named_groups_only(c):
    configure(c, "cluster", groups=["python-2026", "r-2026"])
    scopes = c.JupyterHub.load_roles[0]["scopes"]
    assert scopes == ["servers", "read:groups!group=python-2026", "read:groups!group=r-2026"]
    with pytest.raises(NotConfigured, match="must be a list of names"):
        configure(c, "cluster", groups="python-2026")


@pytest.mark.parametrize(
    ("setting", "value"), [("base_url", "/jupyter/"), ("bind_url", "http://127.0.0.1:8000/jupyter")]
)
def test_the_hook_asks_below_the_hubs_path(c, setting, value):
    c.JupyterHub[setting] = value
    configure(c, "cluster")
    assert c.Spawner.pre_spawn_hook.url == "http://127.0.0.1:8888/jupyter/services/launcher"


async def test_scopes_that_a_function_gives_stay(c):
    async def scopes(spawner):
        return ["shares!server"]

    c.Spawner.server_token_scopes = scopes
    configure(c, "cluster")
    found = await c.Spawner.server_token_scopes(None)
    assert found == ["shares!server", "custom:launcher:server"]


def test_without_the_launcher_a_start_fails_or_takes_the_default(c):
    with pytest.raises(NotConfigured, match="on_unavailable must be 'fail' or 'default'"):
        configure(c, "cluster", on_unavailable="ignore")


@pytest.mark.parametrize("section", ["Spawner", "SlurmSpawner"])
def test_refused_starts_must_not_end_a_hub_of_version_5(c, section):
    c[section].consecutive_failure_limit = 5
    with pytest.raises(NotConfigured, match="Set that to 0"):
        check_failure_limit(c, "fail", (5, 2))
    check_failure_limit(c, "default", (5, 2))
    check_failure_limit(c, "fail", (6, 1))
    c[section].consecutive_failure_limit = 0
    check_failure_limit(c, "fail", (5, 2))


class Chosen:
    """A spawner, as far as the choice of a profile goes."""

    def __init__(self, user_options):
        self.user_options = user_options


def test_a_profile_stands_for_a_system():
    system = profile_system({"here": "workstation", "gpu": "cluster", "cpu": "cluster"})
    assert system(Chosen({"profile": "gpu", "more": 1})) == "cluster"


# the documentation


def test_the_page_about_slurm_configures_a_launcher_beside_the_hub(c, monkeypatch):
    monkeypatch.setenv("LAUNCHER_HOOK_TOKEN", "shared")
    monkeypatch.setenv("LAUNCHER_API_TOKEN", "token")
    exec(block("on_slurm", "LAUNCHER_API_TOKEN"), {"c": c, "os": os, "configure": configure})
    assert c.JupyterHub.services[0]["api_token"] == "token"
    assert c.Spawner.pre_spawn_hook.system == "cluster"


def test_the_page_about_slurm_lets_users_choose_a_partition(c):
    exec(block("on_slurm", "PARTITIONS"), {"c": c})
    for chosen, partition in (
        ("long", "batch"),
        ("x\n#SBATCH", "interactive"),
        (None, "interactive"),
    ):
        spawner = Chosen({})
        c.Spawner.apply_user_options(spawner, {"partition": chosen})
        assert spawner.req_partition == partition


def test_the_page_about_wrapspawner_shows_a_function_of_the_spawner():
    names = {}
    exec(block("wrapspawner", "def system"), names)
    assert names["system"](Chosen({"gpu": True})) == "cluster-gpu"
    assert names["system"](Chosen({})) == "cluster"


def test_a_service_that_would_end_a_hub_with_internal_ssl_is_refused(c):
    url = "https://127.0.0.1:8888"
    check_internal_ssl(c, url, (6, 1))
    c.JupyterHub.internal_ssl = True
    check_internal_ssl(c, "http://127.0.0.1:8888", (6, 1))
    check_internal_ssl(c, url, (5, 2))
    with pytest.raises(NotConfigured, match="http url with a loopback address"):
        check_internal_ssl(c, url, (6, 1))
    configure(c, "cluster", url=url, managed=False, api_token="t", hook_token="s" * 24)
