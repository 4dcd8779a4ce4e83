"""The names of the servers of projects."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.projects.server_names import server_name

GIVEN = {
    "provider": "gitlab",
    "canonical_url": "https://gitlab.example.org/group/project",
    "commit_or_branch": "a" * 40,
    "branch": "main",
}


def test_a_name_begins_with_the_project_and_is_the_same_each_time():
    assert server_name(**GIVEN) == server_name(**GIVEN)
    assert re.fullmatch("project-[0-9a-f]{12}", server_name(**GIVEN))


@pytest.mark.parametrize(
    "changed",
    [
        {"provider": "gitea"},
        {"canonical_url": "https://gitlab.example.org/other/project"},
        {"canonical_url": "https://gitlab.example.org:8443/group/project"},
        {"commit_or_branch": "b" * 40},
        {"branch": "dev"},
        {"follow": "branch"},
    ],
)
def test_every_part_makes_another_server(changed):
    assert server_name(**{**GIVEN, **changed}) != server_name(**GIVEN)


def test_parts_that_read_alike_when_joined_are_different_servers():
    def name(project, commit, branch):
        return server_name(
            provider="", canonical_url=project, commit_or_branch=commit, branch=branch
        )

    assert len({name("a", "p", "pb"), name("ap", "p", "b"), name("a", "pp", "b")}) == 3


@given(project=st.text(min_size=1, max_size=300))
def test_each_name_is_valid_on_jupyterhub_5_and_6(project):
    name = server_name(**{**GIVEN, "canonical_url": f"https://git.example.org/{project}"})
    assert re.fullmatch(r"[a-z](?:-?[a-z0-9])*", name, re.ASCII)
    assert len(name) <= 30


@pytest.mark.parametrize(
    ("project", "beginning"),
    [
        ("2024-course", "project-2024-cour-"),
        ("Ünï.Code__x.git", "n-code-x-"),
        ("...", "project-"),
        ("a" * 40, "a" * 17 + "-"),
        ("abcdefghijklmnop-q", "abcdefghijklmnop-"),
    ],
)
def test_the_project_is_recognized_in_the_name(project, beginning):
    url = f"https://git.example.org/{project}"
    assert server_name(**{**GIVEN, "canonical_url": url}).startswith(beginning)
