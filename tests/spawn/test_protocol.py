"""The messages between the spawn hook and the launcher."""

import ast
import sys
from pathlib import Path

import pytest

import launcher.spawn
from launcher.spawn.errors import SpecificationError
from launcher.spawn.protocol import VERSION, SpawnAnswer, SpawnQuestion, incompatibility
from launcher.spawn.specification import SpawnSpecification

QUESTION = {
    "server": "gpu",
    "version": VERSION,
    "spawner": "jupyterhub.spawner.LocalProcessSpawner",
    "fields": ["command", "environment"],
    "token": "secret",
    "user_options": ["profile"],
    "seconds": 15.0,
}


def test_a_question_survives_its_json():
    question = SpawnQuestion.from_json(QUESTION)
    assert question.to_json() == QUESTION
    assert "secret" not in repr(question)


def test_what_a_newer_hook_adds_is_ignored():
    assert SpawnQuestion.from_json({**QUESTION, "later": 1}) == SpawnQuestion.from_json(QUESTION)


@pytest.mark.parametrize("name", ["version", "spawner", "fields"])
def test_a_question_without_what_it_needs_is_refused(name):
    with pytest.raises(SpecificationError, match=f"{name} is missing"):
        SpawnQuestion.from_json({key: value for key, value in QUESTION.items() if key != name})


@pytest.mark.parametrize("seconds", [0, -1, "15", True, float("nan"), float("inf")])
def test_a_hook_waits_for_a_number_of_seconds(seconds):
    with pytest.raises(SpecificationError, match="seconds must be a number"):
        SpawnQuestion.from_json({**QUESTION, "seconds": seconds})


@pytest.mark.parametrize("token", ["", "a b", "x\n", "é", 1])
def test_a_token_that_could_not_be_one_is_refused(token):
    with pytest.raises(SpecificationError, match="token"):
        SpawnQuestion.from_json({**QUESTION, "token": token})


def test_an_answer_is_checked_again():
    answer = SpawnAnswer(VERSION, SpawnSpecification(image="a"), "My environment")
    assert SpawnAnswer.from_json(answer.to_json()) == answer
    with pytest.raises(SpecificationError, match="reserved"):
        SpawnAnswer.from_json(
            {"version": VERSION, "specification": {"environment": {"PATH": "/evil"}}}
        )


@pytest.mark.parametrize("theirs", [VERSION, "1.1"])
def test_one_minor_version_apart_works(theirs):
    assert incompatibility(theirs, "hook") == ""


@pytest.mark.parametrize("theirs", ["2.0", "0.9", "1.2", "", "1", "x.y", "1.0\n"])
def test_other_versions_are_a_sentence(theirs):
    assert incompatibility(theirs, "hook").endswith(".")


def test_the_package_needs_the_standard_library_alone():
    for path in Path(launcher.spawn.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(), feature_version=(3, 10))):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            else:
                modules = [node.module] if isinstance(node, ast.ImportFrom) else []
            for module in modules:
                assert module.startswith("launcher.spawn") or (
                    module.split(".")[0] in sys.stdlib_module_names
                )
