"""What becomes of a project's workspace when its server stops, starts again or is removed."""

from prepared_server import git
from waiting import wait_until

CONFLICT = "first\nthe same line\nlast\n"


def stop_at_the_hub(user, name):
    """Stop a server as the hub's own page does."""
    assert user.ask_hub("DELETE", "servers", name).status_code in (202, 204)
    wait_until(lambda: user.server(name)["state"] == "stopped", f"the end of {name}")


def start_at_the_hub(user, name, **options):
    """Start a server as the hub's own page does, and wait for its checkout; the server."""
    before = user.server(name)["project"]
    answer = user.ask_hub("POST", "servers", name, json=options)
    assert answer.status_code in (201, 202), answer.text

    def prepared():
        now = user.server(name)
        is_new = now["project"]["checkout"] in ("done", "failed") and now["state"] == "running"
        return is_new and now["started"] and now

    server = wait_until(prepared, f"the checkout of {name}")
    assert before["folder"] == server["project"]["folder"]
    return server


def test_a_users_work_is_kept_through_stop_resume_and_removal(projects):
    dora = projects.user("dora")
    repository = projects.add("work/kept")
    repository.commit({"lesson.md": "as it was\n"})
    server = dora.opened("work/kept", ref="main")
    name, place = server["name"], dora.workspace(server)

    # changed files, and one of her own
    (place / "lesson.md").write_text("her answer\n")
    (place / "own.md").write_text("her own\n")
    dora.stop(name)
    assert dora.get("/servers", state="stopped")["servers"][name]["project"]["checkout"] == "done"
    resumed = dora.resumed(name)
    assert "2 changed or new files of yours are kept" in resumed["project"]["detail"]
    assert (place / "lesson.md").read_text() == "her answer\n"

    # a commit on a branch of her own; the server is started at the hub's own page
    git(place, "checkout", "--quiet", "-b", "mine")
    git(place, "add", "--all")
    git(place, "commit", "--quiet", "-m", "Mine")
    mine = git(place, "rev-parse", "HEAD")
    stop_at_the_hub(dora, name)
    again = start_at_the_hub(dora, name)
    said = again["project"]["detail"]
    assert "You are on the branch 'mine', not on 'main'" in said
    assert "Your commits are kept" in said
    assert git(place, "rev-parse", "HEAD", "--abbrev-ref", "HEAD").split() == [mine, "mine"]

    # the server is removed, its workspace is not, and the next server for the commit finds it
    assert dora.request("DELETE", f"/servers/{name}?force=true").status_code in (202, 204)
    wait_until(lambda: name not in dora.get("/servers")["servers"], "the end of the server")
    assert name not in (projects.hub.servers("dora") or {})
    assert (place / "own.md").read_text() == "her own\n"
    found = dora.opened("work/kept", ref="main")
    assert (found["name"], dora.workspace(found)) == (name, place)
    assert "Your commits are kept" in found["project"]["detail"]
    assert git(place, "rev-parse", "HEAD") == mine


def test_a_followed_branch_is_brought_up_to_date_at_each_start(projects):
    eve = projects.user("eve")
    repository = projects.add("work/followed")
    repository.commit({"lesson.md": CONFLICT, "read.md": "one\n"})
    server = eve.opened("work/followed", ref="main", follow="branch")
    name, place = server["name"], eve.workspace(server)
    assert (server["project"]["commit_sha"], server["project"]["follow"]) == (None, "branch")

    # a push that touches nothing of hers; the server that runs is still the one that is opened
    repository.commit({"read.md": "two\n"})
    again = eve.opened("work/followed", status=200, ref="main", follow="branch")
    assert again["name"] == name

    # and one that changes the line that she changed, too
    (place / "lesson.md").write_text(CONFLICT.replace("the same", "her"))
    repository.commit({"lesson.md": CONFLICT.replace("the same", "the teacher's")})
    eve.stop(name)
    updated = eve.opened("work/followed", branch="main", follow="branch")
    assert (updated["name"], eve.workspace(updated)) == (name, place)
    assert (place / "read.md").read_text() == "two\n"
    assert (place / "lesson.md").read_text() == CONFLICT.replace("the same", "the teacher's")
    (kept,) = place.glob("lesson__*.md")
    assert kept.read_text() == CONFLICT.replace("the same", "her")
    assert f"Your lesson.md is kept as {kept.name}" in updated["project"]["detail"]
    assert updated["project"]["checkout"] == "done"
