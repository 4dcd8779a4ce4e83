"""ProfilesSpawner in a real hub: the chosen environment runs in each profile, and in no other."""

import sys
from pathlib import Path

import pytest
from answering_launcher import answering
from conda_like import conda_like, runs_in, server_of
from hooked_hub import SECRET, environment_of, hooked_hub, start
from hub_blocks import beside, block

pytestmark = pytest.mark.slow

SUPPORT = str(Path(__file__).parents[1] / "support")
WATCHED = """
import copy
from wrapspawner import ProfilesSpawner

c.ProfilesSpawner.profiles[0][3]["environment"] = {"P": "1"}
PROFILES = copy.deepcopy(list(c.ProfilesSpawner.profiles))

class WatchedProfiles(ProfilesSpawner):
    "Starts nothing after something changed the configuration of its profiles."
    def get_state(self):
        for profile, before in zip(self.profiles, PROFILES):
            assert profile[3] == before[3], profile
        return super().get_state()

c.JupyterHub.spawner_class = WatchedProfiles
c.LocalBatch.homes = str(folder / "homes")
"""
PROFILES = {"here": "workstation", "small": "cluster"}


@pytest.fixture(scope="module")
def answers():
    with answering(SECRET) as found:
        yield found


@pytest.fixture(scope="module")
def hub(answers, tmp_path_factory):
    page = block(
        "wrapspawner",
        "spawner_class",
        slurm_class="from local_batch import LocalBatch as SlurmSpawner",
        slurm_section="c.LocalBatch.",
        local_class="import SimpleLocalProcessSpawner as LocalProcessSpawner",
        programs=str(Path(sys.executable).parent),
    )
    path = f"import sys; sys.path.insert(0, {SUPPORT!r})\n"
    extra = beside(answers.url, SECRET) + path + page + WATCHED
    with hooked_hub(tmp_path_factory, extra) as found:
        yield found


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    return conda_like(tmp_path_factory.mktemp("environments") / "mine")


@pytest.mark.parametrize("profile", PROFILES)
def test_the_selected_environment_runs_whatever_the_profile_runs(
    hub, answers, environment, profile
):
    user = f"ann-{profile}"
    answers.specifications[user] = {**server_of(environment), "environment": {"DATA": "/d a"}}
    start(hub, user, profile=profile)
    assert runs_in(hub.home(user)) == str(environment)
    path, question = answers.questions[-1]
    assert path.endswith(f"/users/{user}/systems/{PROFILES[profile]}/spawn")
    assert question["spawner"].split(".")[-1] in ("SimpleLocalProcessSpawner", "LocalBatch")
    found = environment_of(hub, user)
    assert found["DATA"] == "/d a"
    assert found.get("P") == ("1" if profile == "here" else None)
    hub.stop_server(user)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_start_leaves_nothing_for_the_next_one_and_for_others(hub, answers, environment, profile):
    user, other = f"bob-{profile}", f"eve-{profile}"
    answers.specifications[user] = {**server_of(environment), "environment": {"DATA": "/d"}}
    start(hub, user, profile=profile)
    assert runs_in(hub.home(user)) == str(environment)
    hub.stop_server(user)
    del answers.specifications[user]
    for each in (user, other):
        start(hub, each, profile=profile)
        assert "DATA" not in environment_of(hub, each)
        assert not (hub.home(each) / "runs-in").exists()
        hub.stop_server(each)


def test_the_profile_decides_which_selection_applies(hub, answers, environment):
    answers.specifications["carl", "cluster"] = server_of(environment)
    for profile, ran in (("here", False), ("small", True), ("here", False)):
        start(hub, "carl", profile=profile)
        assert (hub.home("carl") / "runs-in").exists() == ran
        (hub.home("carl") / "runs-in").unlink(missing_ok=True)
        hub.stop_server("carl")


@pytest.mark.parametrize("options", [{}, {"profile": "other"}, {"profile": ["here"]}])
def test_without_a_profile_nothing_starts(hub, answers, options):
    hub.add_user("nobody")
    before = len(answers.questions)
    answer = hub.api("POST", "users", "nobody", "server", json=options)
    assert answer.status_code == 400
    assert answer.json()["message"] == "Choose a profile to start your server: here, small, large."
    assert len(answers.questions) == before
