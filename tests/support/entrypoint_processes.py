"""What processes beside each other do to one user's entrypoints; run by a pool, so importable."""

import asyncio
import random
from collections import Counter

from entrypoint_types import Site, folders, site_folders

from launcher.entrypoints.model import System
from launcher.errors import EntrypointChanged

USER = "alice"
SYSTEMS = {name: System(name, name.title()) for name in ("own", "options", "cleared")}
OFFERS = {"lab": "/site/lab", "gpu": "/site/gpu"}
OWN = ("one", "two", "three")


def new_site(url):
    """The site that all processes see."""
    return Site(url, folders(), site_folders(OFFERS), systems=SYSTEMS)


async def add_own(site):
    """Add the entrypoints that all processes select and rename; returns their ids."""
    fields = {"type": "folder", "data": {"path": "/x"}, "systems": list(SYSTEMS)}
    return [(await site.registry.add(USER, name=name, **fields)).id for name in OWN]


def write(url, number, count, own):
    """Carry out `count` changes; returns how many of which kind, and what went wrong."""
    return asyncio.run(_write(url, number, count, own))


async def _write(url, number, count, own):
    site = new_site(url)
    worker = Worker(site.registry, number, own)
    while sum(worker.done.values()) < count:
        await worker.change()
    site.store.close()
    return worker.done, worker.wrong


class Worker:
    """Changes what the user has and selects.

    On `own` they select what they added, on `options` what the site offers, and never clear those
    two; on `cleared` they select and clear anything.
    """

    def __init__(self, registry, number, own):
        self.registry = registry
        self.number = number
        self.own = own
        self.random = random.Random(number)
        self.done = Counter()
        self.wrong = []

    async def change(self):
        """Carry out one change, of a kind by chance."""
        kinds = [self.select_own, self.select_option, self.clear, self.rename, self.add_and_remove]
        kind = self.random.choice(kinds)
        try:
            await kind()
        except EntrypointChanged:  # another process renamed it at the same moment
            assert kind == self.rename
        else:
            self.done[kind.__name__] += 1

    async def select_own(self):
        await self.registry.select(USER, "own", id=self.random.choice(self.own))
        await self.expect("own", "folder")

    async def select_option(self):
        await self.registry.select(USER, "options", name=self.random.choice(list(OFFERS)))
        await self.expect("options", "site")

    async def clear(self):
        if self.random.random() < 0.5:
            await self.registry.clear(USER, "cleared")
        else:
            await self.registry.select(USER, "cleared", name=self.random.choice(list(OFFERS)))

    async def rename(self):
        at = self.random.randrange(len(self.own))
        name = f"{OWN[at]} of {self.number}.{self.random.random()}"
        await self.registry.edit(USER, self.own[at], name=name)
        if self.done["select_own"]:
            await self.expect("own", "folder")

    async def add_and_remove(self):
        name = f"{self.number}.{self.random.random()}"
        fields = {"type": "folder", "data": {"path": "/y"}, "systems": ["cleared"]}
        added = await self.registry.add(USER, name=name, **fields)
        await self.registry.select(USER, "cleared", id=added.id)
        await self.registry.remove(USER, added.id)

    async def expect(self, system, kind):
        """Something of that kind is selected on the system, whatever the others do."""
        selected = await self.registry.selected(USER, system)
        listed = (await self.registry.selections(USER)).get(system)
        for found in (selected, listed):
            if found is None or found.type != kind:
                self.wrong.append(f"{system}: {found}")
