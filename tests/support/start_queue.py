"""What the tests of starts share."""

from fakehub import Start
from test_api_launches import ADMIN, wait_for

from launcher import store
from launcher.store.tables import launches


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


def write(client, *statements):
    """Change what is in the database, as time or another process would."""
    engine = store._connect(client.settings.database_url)
    with engine.begin() as connection:
        for statement in statements:
            statement(connection) if callable(statement) else connection.execute(statement)
    engine.dispose()


def has_queued(client, user):
    """Whether a launch of the user has gone into the queue, and maybe on from there."""
    engine = store._connect(client.settings.database_url)
    with engine.begin() as connection:
        theirs = (launches.c.user == user.name) & (launches.c.attempts > 0)
        found = connection.execute(launches.select().where(theirs)).first()
    engine.dispose()
    return found is not None
