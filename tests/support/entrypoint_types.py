"""Small systems, types and a validator for tests of the registry."""

import asyncio

from launcher import store
from launcher.entrypoints.model import (
    EntrypointType,
    Expectation,
    HostReport,
    Offer,
    Report,
    System,
    Validator,
)
from launcher.entrypoints.registry import Registry
from launcher.errors import OffersUnavailable
from launcher.spawn.specification import SpawnSpecification

CORI = System("cori", "Cori", "cori.example.org")
PERLMUTTER = System("perlmutter", "Perlmutter", "perlmutter.example.org")
SYSTEMS = {each.name: each for each in (CORI, PERLMUTTER)}


SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["path"],
    "properties": {
        "path": {"type": "string", "minLength": 2, "maxLength": 1000, "pattern": "^/[^$]+$"},
        "kernel": {"type": "string", "default": "python"},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
}


class FolderType(EntrypointType):
    """A folder with the program of a server; users add their own, and the site may offer some."""

    def __init__(self, *, offers=(), **common):
        """`offers` are paths that the site offers, by name, or by system and name."""
        super().__init__(**common)
        self.schema = SCHEMA
        self.offers = dict(offers)
        self.is_away = False

    async def options(self, user, system):
        """What the site offers on the system now."""
        if self.is_away:
            raise OffersUnavailable("The list of folders cannot be read now.")
        names = self.offers.get(system.name, self.offers)
        return [Offer(name, {"path": path}) for name, path in names.items()]

    async def validate(self, user, system, data, validator):
        """The path has to be there."""
        found = await validator.check(user, system, Expectation(data["path"]))
        return Report(found.result, found.message, (found,))

    def specification(self, data):
        """The program of the folder before the spawner's command."""
        return SpawnSpecification.from_json({"command": {"argv": [f"{data['path']}/run"]}})


class SetOfPaths(Validator):
    """Finds what is not in `missing`, and remembers what it was asked."""

    def __init__(self):
        self.missing = set()
        self.asked = []
        self.hangs = False

    async def check(self, user, system, expected):
        """Whether the path is there; a path may be missing on one system."""
        self.asked.append((user, system.name, expected.path))
        if self.hangs:
            await asyncio.sleep(3600)
        found = not self.missing & {expected.path, (system.name, expected.path)}
        message = f"{expected.path} {'exists' if found else 'does not exist'}."
        return HostReport(system.hostname, expected.path, found, message)


def folders(**changes):
    """A type whose entrypoints users add."""
    return FolderType(**{"name": "folder", "display_name": "Folder"} | changes)


def site_folders(offers, **changes):
    """A type whose entrypoints the site offers."""
    known = {"name": "site", "display_name": "Site's folder", "mutable": False}
    return FolderType(offers=offers, **known | changes)


class Site:
    """A registry, and the parts of its site, which a test may change; they start empty."""

    def __init__(self, url, *types, systems=SYSTEMS):
        self.store = store.Store(url)
        self.systems = dict(systems)
        self.types = {each.name: each for each in types}
        self.validator = SetOfPaths()
        self.registry = self.restarted()

    def restarted(self, **more):
        """The registry of a launcher that starts with the present configuration."""
        return Registry(
            self.store,
            systems=dict(self.systems),
            types=dict(self.types),
            validator=self.validator,
            **more,
        )

    def restart(self):
        """Start with the present configuration."""
        self.registry = self.restarted()
        return self.registry
