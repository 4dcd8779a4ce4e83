"""Start-up scripts."""

from collections.abc import Mapping
from typing import Any

from launcher.entrypoints import paths
from launcher.entrypoints.model import Expectation, Report, System, Validator
from launcher.entrypoints.types.path import PathType, check_all, report_of
from launcher.spawn.specification import SpawnSpecification


class ScriptType(PathType):
    """An executable that prepares an environment and then executes its arguments."""

    schema: Mapping[str, Any] = {
        "type": "object",
        "title": "Start-up script",
        "additionalProperties": False,
        "required": ["path"],
        "properties": {
            "path": paths.schema(
                "Path of the script",
                "An executable file. The command of the server is its arguments, so a shell script"
                ' ends with exec "$@".',
                "/home/alice/bin/start-in-my-environment",
            )
        },
    }

    async def validate(
        self, user: str, system: System, data: Mapping[str, Any], validator: Validator
    ) -> Report:
        """Check that it is an executable file."""
        script = Expectation(data["path"], executable=True)
        return report_of(await check_all(user, system, validator, script))

    def specification(self, data: Mapping[str, Any]) -> SpawnSpecification:
        """The script, before the spawner's command."""
        return SpawnSpecification.from_json({"command": {"argv": [data["path"]]}})
