"""Experiments in jobs of a real Slurm: the hub starts the launcher, and the launcher the jobs.

Virtual environments with `conda-meta/history` stand for conda environments.
"""

import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests
from callers import Caller
from conda_like import conda_like, runs_in
from hooked_hub import environment_of
from hub_blocks import block, managed
from ports import free_port
from realhub import RealHub, open_in_lab
from site_of_launcher import SERVICE
from slurm_cluster import NODES, SlurmCluster
from waiting import wait_until

pytestmark = pytest.mark.system

USERS = ("launcherslurm1", "launcherslurm2")
# what differs from a site's cluster: the nodes have no names, and everything is on loopback
LOOPBACK = """
os.environ["SLURM_CONF"] = {conf!r}
from batchspawner import MultiSlurmSpawner
from traitlets import Unicode

class LoopbackSlurm(MultiSlurmSpawner):
    "batchspawner takes the address from the class, whatever is configured."
    ip = Unicode("127.0.0.1").tag(config=True)

c.JupyterHub.spawner_class = LoopbackSlurm
c.MultiSlurmSpawner.daemon_resolver = {nodes!r}
c.Spawner.args = []
c.Spawner.environment = {{"SLURM_CONF": {conf!r}, "JUPYTERHUB_SINGLEUSER_EXTENSION": "1"}}
"""
# each test starts servers whatever happened in the one before
NO_COOLDOWN = "c.Launcher.breaker_seconds = 0\nc.Launcher.start_cooldown = 0\n"


@pytest.fixture(scope="module")
def accounts():
    """Local accounts whose jobs Slurm runs."""
    for name in USERS:
        subprocess.run(["useradd", "--create-home", "--shell", "/bin/bash", name], check=True)
    yield
    for name in USERS:
        subprocess.run(["pkill", "-9", "-u", name], check=False)
        wait_until(lambda n=name: subprocess.run(["pgrep", "-u", n], check=False).returncode)
        subprocess.run(["userdel", "--remove", name], check=False, capture_output=True)


@pytest.fixture(scope="module")
def folder():
    """A folder that all users may read, which pytest's are not."""
    found = Path(tempfile.mkdtemp(prefix="launcher-slurm-"))
    found.chmod(0o755)
    yield found
    shutil.rmtree(found)


@pytest.fixture(scope="module")
def slurm(accounts, folder):
    cluster = SlurmCluster(folder / "slurm").start()
    yield cluster
    cluster.stop()


@pytest.fixture(scope="module")
def hub(slurm, folder):
    """A hub as docs/on_slurm.md has it, with the launcher that it starts."""
    page = block(
        "on_slurm",
        "spawner_class",
        public_url='settings["public_url"]',
        bind_url='settings["hub_url"]',
        connect_url='settings["hub_url"]',
        programs=str(Path(shutil.which("batchspawner-singleuser")).parent),
        prefix="runuser -u {username} --",
        partition="batch",
    )
    loopback = LOOPBACK.format(nodes=dict.fromkeys(NODES, "127.0.0.1"), conf=str(slurm.conf))
    launcher = managed(f"http://127.0.0.1:{free_port()}")
    hub = RealHub(folder / "hub", extra=launcher + page + loopback)
    settings = block("on_slurm", "c.Launcher.systems") + NO_COOLDOWN
    (hub.folder / "launcher_config.py").write_text(settings)
    hub.start()
    try:
        ready = f"{hub.url}/{SERVICE}/ready"
        wait_until(lambda: requests.get(ready, timeout=5).status_code == 200, "the launcher")
        yield hub
    finally:
        hub.stop()


@pytest.fixture(scope="module")
def environment(folder):
    """An environment at a path with a space, as the job's variables show it."""
    real = conda_like(folder / "mine")
    path = folder / "my environment"
    path.symlink_to(real)
    return SimpleNamespace(path=str(path), real=str(real))


class User(Caller):
    """Somebody with an account on the cluster."""

    def __init__(self, hub, name):
        super().__init__(SimpleNamespace(url=f"{hub.url}/{SERVICE}"), hub.token_of(name))
        self.hub, self.name = hub, name
        self.home = Path(pwd.getpwnam(name).pw_dir)

    def add(self, name, path, kind="conda"):
        """Add an environment on the cluster."""
        body = {"name": name, "type": kind, "data": {"path": path}}
        answer = self.call("POST", f"/users/{self.name}/systems/cluster", json=body)
        assert answer.status_code == 201, answer.text

    def begin(self, entrypoint):
        """A launch of hello in an environment, which nobody waits for."""
        body = {"notebook": {"directory": "lab", "entrypoint": entrypoint}}
        answer = self.call("POST", "/experiments/hello", {"Prefer": "respond-async"}, json=body)
        assert answer.status_code == 202, answer.text
        return answer.json()

    def wait_for_message(self, launch, message):
        """Read the events of a launch until its progress says so."""
        messages = []
        for _, event, data in self.events(launch):
            if event == "progress":
                messages.append(data["message"])
                if message in messages:
                    return
        raise AssertionError(messages)

    def stop(self, slurm):
        self.hub.stop_server(self.name)
        wait_for_no_job(slurm, self.name)


def wait_for_no_job(slurm, user):
    wait_until(lambda: not slurm.jobs(user), "the end of the jobs", 30)


def test_an_experiment_waits_in_the_queue_and_opens_in_the_users_environment(
    hub, slurm, environment
):
    alice = User(hub, USERS[0])
    alice.add("mine", environment.path)
    with slurm.drained():
        launch = alice.begin("mine")
        alice.wait_for_message(launch, "Pending in queue...")
        assert alice.now(launch)["state"] == "starting"
        assert slurm.jobs(alice.name) == ["PENDING"]
    done = alice.ended(launch)
    assert done["state"] == "done", done["problem"]
    assert done["environment"]["name"] == "mine"

    assert slurm.jobs(alice.name) == ["RUNNING"]
    assert runs_in(alice.home) == environment.real
    opened = open_in_lab(hub, done["location"], alice.token)
    assert opened["content"]["cells"]
    assert (alice.home / done["path"]).owner() == alice.name
    found = environment_of(hub, alice.name)
    assert found["SLURM_JOB_ID"] == slurm.jobs(alice.name, "%i")[0]
    assert found["CONDA_PREFIX"] == environment.path
    assert found["LAUNCHER_URL"] == alice.launcher.url
    alice.stop(slurm)


def test_cancelling_a_launch_removes_its_job_from_the_queue(hub, slurm, environment):
    alice = User(hub, USERS[0])
    alice.add("queued", environment.path)
    with slurm.drained():
        launch = alice.begin("queued")
        alice.wait_for_message(launch, "Pending in queue...")
        assert slurm.jobs(alice.name) == ["PENDING"]
        assert alice.call("DELETE", f"/launches/{launch['id']}").status_code in (200, 202)
        assert alice.ended(launch)["state"] == "cancelled"
        wait_for_no_job(slurm, alice.name)
    wait_until(lambda: not hub.servers(alice.name), "the end of the start")
    assert not (alice.home / "runs-in").exists()


def test_a_job_that_fails_gives_its_launch_a_sentence(hub, slurm, folder):
    alice = User(hub, USERS[0])
    alice.add("gone", str(folder / "gone"))
    failed = alice.ended(alice.begin("gone"))
    assert failed["state"] == "failed"
    problem = failed["problem"]
    assert problem["type"] == "urn:problem-type:launcher:spawn-failed"
    # ours if the job was seen to run, else batchspawner's own
    assert "batch job" in problem["detail"]
    program = f"'{folder}/gone/bin/jupyterhub-singleuser' is not a program on this node"
    assert any(program in path.read_text() for path in alice.home.glob("*.log"))
    wait_for_no_job(slurm, alice.name)


def test_without_a_choice_the_job_runs_as_the_site_says(hub, slurm):
    bob = User(hub, USERS[1])
    hub.start_server(bob.name)
    assert slurm.jobs(bob.name) == ["RUNNING"]
    assert not (bob.home / "runs-in").exists()
    assert "CONDA_PREFIX" not in environment_of(hub, bob.name)
    bob.stop(slurm)


def test_options_that_a_user_sends_to_the_hub_are_not_in_the_job(hub, slurm):
    bob = User(hub, USERS[1])
    options = {"partition": "x\n#SBATCH --comment=evil", "prologue": "touch ~/evil"}
    with slurm.drained():
        answer = hub.api("POST", "users", bob.name, "server", token=bob.token, json=options)
        assert answer.status_code == 202, answer.text
        assert slurm.jobs(bob.name, "%T %k %P") == ["PENDING (null) batch"]
        bob.stop(slurm)
    assert not (bob.home / "evil").exists()
