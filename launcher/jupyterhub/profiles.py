"""The system that a profile of wrapspawner's ProfilesSpawner stands for."""

from collections.abc import Callable, Mapping
from typing import Any

from tornado import web


def profile_system(systems: "Mapping[str, str]") -> "Callable[[Any], str]":
    """A function for `configure(system=…)`: the system of the profile that the user chose.

    `systems` has the keys of the profiles, and the launcher's names of their systems. A start with
    another profile, or without one, is refused: ProfilesSpawner would start a local process.
    """
    known = dict(systems)

    def system(spawner: Any) -> str:
        profile = (spawner.user_options or {}).get("profile")
        if isinstance(profile, str) and profile in known:
            return known[profile]
        raise web.HTTPError(400, f"Choose a profile to start your server: {', '.join(known)}.")

    return system
