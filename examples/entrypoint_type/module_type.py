"""A type of entrypoint: environment modules, as Lmod and Environment Modules load them."""

from launcher.entrypoints.model import EntrypointType, Expectation, Offer, Report
from launcher.errors import ConfigError
from launcher.spawn.errors import SpecificationError
from launcher.spawn.specification import SpawnSpecification


class ModuleType(EntrypointType):
    """A module of the site, which a script loads before it runs the server's command."""

    schema = {  # noqa: RUF012
        "type": "object",
        "title": "Environment module",
        "additionalProperties": False,
        "required": ["module"],
        "properties": {
            "module": {
                "type": "string",
                "title": "Module",
                "description": "The name of a module in which JupyterLab is installed.",
                "example": "pytorch/2.6",
                "maxLength": 100,
            },
        },
    }

    def __init__(self, *, modules, script, **common):
        """`modules` and `script` are keys of the entry in c.Launcher.entrypoint_types."""
        super().__init__(**common)
        if not isinstance(modules, list) or not modules:
            raise ConfigError('modules must be a list of names, such as ["pytorch/2.6"].')
        self._modules = modules
        self._script = script

    def problem(self, field, text):
        """Refuse what the schema accepts, and the site does not offer."""
        if field == "module" and text not in self._modules:
            return f"must be one of the modules {', '.join(self._modules)}"
        return ""

    async def options(self, user, system):
        """All modules: users select one without adding it."""
        return [Offer(module, {"module": module}) for module in self._modules]

    async def validate(self, user, system, data, validator):
        """Look whether the user may execute the script on that system."""
        found = await validator.check(user, system, Expectation(self._script, executable=True))
        return Report(found.result, found.message, (found,))

    def specification(self, data):
        """The script and the name of the module, before the server's command."""
        if data["module"] not in self._modules:
            raise SpecificationError("module", "is not one of this site's modules any more")
        return SpawnSpecification.from_json({"command": {"argv": [self._script, data["module"]]}})
