"""Adapters with real spawners that are not started: what they set, and that it is undone."""

import pytest
from batchspawner import SlurmSpawner
from jupyterhub.spawner import LocalProcessSpawner, Spawner

from launcher.jupyterhub import adapters
from launcher.jupyterhub.adapters.batch import REPORTER
from launcher.spawn.errors import SpecificationError
from launcher.spawn.specification import SpawnSpecification

# JupyterHub's own argument for spawners without a user
pytestmark = pytest.mark.filterwarnings("ignore:Passing unrecognized arguments.*_mock")

FULL = SpawnSpecification.from_json(
    {
        "command": {"argv": ["/env/bin/jupyterhub-singleuser"], "replaces": True},
        "environment": {"DATA": "/data"},
        "default_url": "/lab/tree/{user}.ipynb",
    }
)
SETTABLE = {
    LocalProcessSpawner: {"cmd", "environment", "default_url"},
    SlurmSpawner: {
        *("cmd", "environment", "default_url", "batchspawner_singleuser_cmd"),
        "req_keepvars_extra",
    },
}


def attributes(spawner):
    """What configuration could set, and its values."""
    return {name: getattr(spawner, name) for name in spawner.class_trait_names(config=True)}


@pytest.fixture(params=SETTABLE, ids=lambda cls: cls.__name__)
def spawner(request):
    made = request.param(_mock=True, cmd=["own"])
    made.req_keepvars = "PATH"  # its default is made from a user's account
    return made


def test_only_a_fixed_list_of_attributes_is_set_and_all_are_reset(spawner):
    before = attributes(spawner)
    adapter = adapters.find(spawner)
    adapters.check(adapter, spawner, FULL)
    adapter.apply(spawner, FULL)
    after = attributes(spawner)
    assert {name for name in after if after[name] != before[name]} == SETTABLE[type(spawner)]
    adapters.reset(spawner)
    assert attributes(spawner) == before


def test_the_url_is_opened_as_it_is(spawner):
    adapters.find(spawner).apply(spawner, FULL)
    assert spawner.default_url.format() == "/lab/tree/{user}.ipynb"


def test_a_prefix_stands_before_the_sites_own_command():
    prefix = SpawnSpecification.from_json({"command": {"argv": ["/my script"]}})
    local, batch = (cls(_mock=True, cmd=["own", "word"]) for cls in SETTABLE)
    for each in (local, batch):
        adapters.find(each).apply(each, prefix)
    assert local.cmd == ["/my script", "own", "word"]
    assert batch.cmd == ["own", "word"]
    assert batch.batchspawner_singleuser_cmd == f"'/my script' {REPORTER}"


def test_variables_are_added_to_those_that_a_site_lets_into_jobs():
    batch = SlurmSpawner(_mock=True, req_homedir="/home/u", req_username="u")
    batch.req_keepvars, batch.req_keepvars_extra = "PATH", "SITE"
    adapters.find(batch).add_environment(batch, {"A": "1", "B": "2"})
    adapters.find(batch).add_environment(batch, {"C": "3"})
    assert batch.get_req_subvars()["keepvars"] == "PATH,SITE,A,B,C"


NOT_BUILT = ("docker", "swarm", "kube", "sudo")


@pytest.mark.parametrize("name", NOT_BUILT)
def test_an_adapter_that_is_not_built_refuses_with_a_sentence(name):
    (adapter,) = [each for each in adapters._all() if name in each.spawner.lower()[-14:]]
    with pytest.raises(SpecificationError, match="command cannot be applied by"):
        adapters.check(adapter, Spawner(_mock=True), FULL)
    adapters.check(adapter, Spawner(_mock=True), SpawnSpecification())


def test_a_spawner_without_an_adapter_refuses_with_a_sentence():
    spawner = Spawner(_mock=True)
    assert adapters.find(spawner) is None
    with pytest.raises(SpecificationError, match=r"jupyterhub.spawner.Spawner has no adapter"):
        adapters.check(None, spawner, FULL)
