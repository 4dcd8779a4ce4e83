"""What the tests of starts share."""

from fakehub import Start
from launching import ADMIN, wait_for


def begun(fakehub):
    """The users whose servers the hub was asked to start, in that order."""
    lines = [line.split("/") for line in fakehub.lines("POST /hub/api/users/")]
    return [parts[4] for parts in lines if parts[5:] == ["server"]]


def people(fakehub, count, **start):
    """So many people; the start of each one's server goes so, however often."""
    return [fakehub.add_user(starts=[Start(202, **start)] * 9) for _ in range(count)]


def all_done(client, users, launched):
    for user, launch in zip(users, launched, strict=True):
        wait_for(client, user, launch, "done")


def status(client, fakehub):
    admin = fakehub.add_user(scopes=ADMIN)
    answer = client.get("/starts", headers=admin.auth)
    assert answer.status_code == 200, answer.text
    return answer.json()
