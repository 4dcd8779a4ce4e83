"""Local processes: JupyterHub's LocalProcessSpawner and SimpleLocalProcessSpawner."""

import inspect
from typing import Any

from launcher.jupyterhub.adapters import Adapter, set_attribute
from launcher.jupyterhub.log_folder import ServerLog
from launcher.spawn.parts import Command
from launcher.spawn.specification import SpawnSpecification


class LocalAdapter(Adapter):
    """Sets the command, the environment and the URL that is opened."""

    fields = ("command", "environment", "default_url")
    keeps_output = True

    def apply(self, spawner: Any, specification: SpawnSpecification) -> None:
        """Set the spawner's attributes."""
        if specification.command:
            self.set_command(spawner, specification.command)
        if specification.environment:
            self.add_environment(spawner, specification.environment)
        if specification.default_url:
            # the spawner formats it with the user's name
            literal = specification.default_url.replace("{", "{{").replace("}", "}}")
            set_attribute(spawner, "default_url", literal)

    def keep_output(self, spawner: Any, log: ServerLog) -> None:
        """Have a process write the log from what the server writes.

        The pipe to it is made at the start itself, so that the hub keeps no end of it.
        """
        if {"stdout", "stderr"} & spawner.popen_kwargs.keys():
            # the site has another place for it
            log.begin()
            return
        log.create()
        start, own = spawner.start, spawner.popen_kwargs

        async def start_kept() -> Any:
            with log.keeping() as output:
                spawner.popen_kwargs = {**own, "stdout": output, "stderr": output}
                try:
                    started = start()
                    return await started if inspect.isawaitable(started) else started
                finally:
                    spawner.popen_kwargs = own

        set_attribute(spawner, "start", start_kept)

    def set_command(self, spawner: Any, command: Command) -> None:
        """Set what the spawner runs."""
        own = [] if command.replaces else list(spawner.cmd)
        set_attribute(spawner, "cmd", [*command.argv, *own])


adapter = LocalAdapter("jupyterhub.spawner.LocalProcessSpawner")
