"""Launches over HTTP, as tests make, watch and cancel them, and what the fake hub saw of them."""

from waiting import wait_until

ON_BEHALF = "custom:launcher:on-behalf"
ASYNC = {"Prefer": "respond-async"}
ADMIN = ("self", "access:services!service=launcher", "admin:servers")
BODY = {"notebook": {"directory": "lab", "filename": "hello.ipynb"}}


def begin(client, user, **notebook):
    """A launch that nobody waits for, as the 202 describes it."""
    answer = client.launch(user, headers=user.auth | ASYNC, **notebook)
    if answer.status_code == 200:  # done before the answer was made, as RFC 7240 allows
        answer = client.get(linked(answer), headers=user.auth)
    else:
        assert answer.status_code == 202, answer.text
    return answer.json()


def see(client, user, launch):
    answer = client.get(f"/launches/{launch['id']}", headers=user.auth)
    assert answer.status_code == 200, answer.text
    return answer.json()


def wait_for(client, user, launch, *states):
    """The launch once it is in one of the states."""

    def there():
        now = see(client, user, launch)
        return now if now["state"] in states else None

    return wait_until(there, " or ".join(states))


def cancel(client, user, launch):
    return client.delete(f"/launches/{launch['id']}", headers=user.auth)


def stop_lines(fakehub, user):
    return fakehub.lines(f"DELETE /hub/api/users/{user.name}/server")


def linked(answer) -> str:
    """The path of the launch that an answer links to."""
    path, _, relation = answer.headers["link"].partition("; ")
    assert relation == 'rel="status"'
    return path.strip("<>")


def keyed(user, key):
    return user.auth | {"Idempotency-Key": key}


MINE = b'{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}'


def start_lines(fakehub, user):
    """The requests to start the user's default server."""
    line = f"POST /hub/api/users/{user.name}/server"
    return [found for found in fakehub.lines() if found == line]


def stream_lines(fakehub, user):
    return fakehub.lines(f"GET /hub/api/users/{user.name}/server/progress")


def uploads(fakehub, user):
    """The calls that change something in the home."""
    return [
        line for line in fakehub.lines("PUT", "PATCH", "DELETE", "POST") if "/api/contents" in line
    ]


def path_of(answer) -> str:
    assert answer.status_code == 200, answer.text
    return answer.json()["location"].partition("/tree/")[2].partition("?")[0]


def service(token):
    return {"Authorization": f"Bearer {token}"}
