"""A site with two systems and a fake hub whose spawn hook asks the launcher."""

from application import problem_of

HOOK_TOKEN = "the-secret-of-the-spawn-hook"
HOOK = {"Authorization": f"token {HOOK_TOKEN}"}
FIELDS = ["command", "environment", "default_url"]
SYSTEMS = [
    {"name": "desk", "display_name": "Workstation", "hostname": ""},
    {
        "name": "cluster",
        "display_name": "Cluster",
        "hostname": "cluster.example.org",
        "user_options": {"profile": "cluster"},
    },
]
TYPES = [
    {"name": "conda", "display_name": "Conda"},
    {"name": "script", "display_name": "Startup script", "help_link": "https://docs.example.org"},
    {
        "name": "image",
        "display_name": "Image",
        "mutable": False,
        "images": ["climate:1", "climate:2"],
    },
]
SITE = {
    "systems": SYSTEMS,
    "entrypoint_types": TYPES,
    "hook_token": HOOK_TOKEN,
    "breaker_seconds": 0,
    "start_cooldown": 0,
}


def question(server="", token=None, **changed):
    """What the hook asks."""
    asked = {"server": server, "version": "1.0", "spawner": "spawners.Local", "fields": FIELDS}
    return {**asked, **({"token": token} if token else {}), **changed}


def ask(client, user, system="desk", **fields):
    """The launcher's response to the hook."""
    path = f"/hub/users/{user.name}/systems/{system}/spawn"
    return client.post(path, json=question(**fields), headers=HOOK)


def hand_over(client, user, system="desk", **message):
    """The launcher's response to a hook that hands over the token of a server."""
    path = f"/hub/users/{user.name}/systems/{system}/spawn/token"
    return client.post(path, json=message, headers=HOOK)


def install_patient_hook(fakehub, client, *, loses=()):
    """Let the fake hub ask as a hook that goes on without an answer, which `loses` some answers."""

    def hook(user, server):
        answer = ask(client, user, server=server.name)
        assert answer.status_code == 200, answer.text
        server.environment = None
        if user.name not in loses:
            server.environment = answer.json()["entrypoint"]
            handed = hand_over(client, user, server=server.name, token=server.own_token)
            assert handed.status_code == 200, handed.text

    fakehub.spawn_hook = hook


def install_hook(fakehub, client, system="desk"):
    """Let the fake hub ask at each start, and refuse as the real one does."""

    def hook(user, server):
        options = server.user_options or {}
        options = options.get("user_options", options)
        where = options.get("profile", system)
        answer = ask(client, user, where, server=server.name, token=server.own_token)
        if answer.status_code == 200:
            server.environment = answer.json()["entrypoint"]
            return None
        return 409, answer.json()["detail"]

    fakehub.spawn_hook = hook


def add(client, user, name, system="desk", systems=None, type="script", path=None):
    """Add an entrypoint; returns it."""
    body = {"name": name, "type": type, "data": {"path": path or f"/opt/{name}"}}
    answer = client.post(
        f"/users/{user.name}/systems/{system}",
        json=body | ({"systems": systems} if systems else {}),
        headers=user.auth,
    )
    assert answer.status_code == 201, answer.text
    return answer.json()


def select(client, user, system="desk", **named):
    """Select an entrypoint by id or name."""
    path = f"/users/{user.name}/systems/{system}"
    answer = client.put(path, json=named, headers=user.auth)
    assert answer.status_code == 200, answer.text
    return answer.json()


def argv_of(answer):
    """The command with which the hub was told to start a server."""
    assert answer.status_code == 200, answer.text
    return answer.json()["specification"].get("command", {}).get("argv")


def other_environment(answer):
    """The problem of a launch whose server runs in another environment."""
    problem = problem_of(answer, 409)
    assert problem["type"].endswith(":other-environment"), problem
    return problem
