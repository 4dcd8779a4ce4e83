"""The launcher's own secret: made once, for its owner alone."""

import stat

import pytest
from waiting import at_once

from launcher import keys
from launcher.errors import ConfigError


def test_a_secret_is_made_for_its_owner_alone_and_kept(tmp_path):
    path = tmp_path / "launcher_secret"
    secret = keys.secret(path)
    assert len(secret) == 32
    assert keys.secret(path) == secret
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [child.name for child in tmp_path.iterdir()] == ["launcher_secret"]


def test_processes_that_start_together_have_one_secret(tmp_path):
    secrets = at_once(16, lambda _: keys.secret(tmp_path / "launcher_secret"))
    assert len(set(secrets)) == 1


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_secret_that_others_may_read_stops_the_start(tmp_path, mode):
    path = tmp_path / "launcher_secret"
    keys.secret(path)
    path.chmod(mode)
    with pytest.raises(ConfigError, match="chmod 600"):
        keys.secret(path)


@pytest.mark.parametrize("text", ["", "11111111", "x" * 64, "ab" * 31, "ü"])
def test_a_secret_that_is_none_stops_the_start(tmp_path, text):
    path = tmp_path / "launcher_secret"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="secret"):
        keys.secret(path)


def test_a_secret_that_cannot_be_made_stops_the_start(tmp_path):
    with pytest.raises(ConfigError, match="cannot be created"):
        keys.secret(tmp_path / "missing" / "launcher_secret")
