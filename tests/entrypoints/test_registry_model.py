"""Whatever users and administrators do, the registry does what a few dictionaries do.

hypothesis makes stories of two users who add, edit, remove, select and clear entrypoints, on two
systems and of two types, which leave the configuration and come back, as do the site's offers and
the files that the validator finds. After each step everything that can be read is compared.
"""

import asyncio
import os
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
import sqlalchemy as sa
from entrypoint_types import SYSTEMS, Site, folders, site_folders
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from launcher import store
from launcher.errors import (
    EntrypointExists,
    EntrypointInvalid,
    EntrypointRetired,
    Forbidden,
    NotFound,
    NotOnSystem,
)
from launcher.store import tables

# `MODEL_EXAMPLES=1000 pytest` takes new stories, and many
MODEL_EXAMPLES = os.environ.get("MODEL_EXAMPLES")

users = st.sampled_from(["alice", "bob"])
systems = st.sampled_from(sorted(SYSTEMS))
some_systems = st.sets(systems, min_size=1)
names = st.sampled_from(["a", "b", "lab"])
options = st.sampled_from(["lab", "gpu"])
paths = st.sampled_from(["/x", "/y"])
kinds = st.sampled_from(["folder", "site"])
which = st.integers(0, 99)


@dataclass
class Known:
    """An entrypoint of the model; of one that the site offers, `path` is not used."""

    name: str
    type: str
    path: str
    systems: set = field(default_factory=set)


class Story(RuleBasedStateMachine):
    """One story, beside the model of what should be there."""

    url = ""

    def __init__(self):
        super().__init__()
        engine = store.connect(self.url)
        with engine.begin() as connection:
            connection.execute(tables.entrypoints.delete())
        engine.dispose()
        self.runner = asyncio.Runner()
        self.site = Site(self.url, folders(), site_folders({"lab": "/site/lab"}))
        self.all_types = dict(self.site.types)
        # by user and id
        self.known = {}
        # the ids by user and system
        self.selected = {}

    def teardown(self):
        self.site.store.close()
        self.runner.close()

    def run(self, awaitable):
        return self.runner.run(awaitable)

    @property
    def registry(self):
        return self.site.registry

    @property
    def offers(self):
        return self.all_types["site"].offers

    @contextmanager
    def expecting(self, error):
        """Expect that error, or none."""
        if error is None:
            yield
        else:
            with pytest.raises(error) as refused:
                yield
            assert refused.type is error
            # a sentence
            assert str(refused.value)[0].isupper()
            assert str(refused.value).endswith(".")

    @initialize()
    def begin_with_something_for_each(self):
        for user in ("alice", "bob"):
            self.add(user, "a", "/x", {"cori"})
            self.select(user, "perlmutter", "lab", False)

    def one_of(self, which):
        """The user and id of one of the entrypoints that there are."""
        # not by id, which is another one in each run
        found = sorted(self.known, key=lambda key: (key[0], self.known[key].name))
        return found[which % len(found)]

    def named(self, user, name):
        """The id of the user's entrypoint with that name."""
        return next(
            (i for (of, i), known in self.known.items() if of == user and known.name == name), None
        )

    def missing(self, path, names):
        """Whether the validator misses the path on one of these systems."""
        return any((name, path) in self.site.validator.missing for name in names)

    # what users do

    @rule(user=users, name=names, path=paths, on=some_systems)
    def add(self, user, name, path, on):
        error = None
        if "folder" not in self.site.types or not on <= self.site.systems.keys():
            error = NotFound
        elif self.named(user, name):
            error = EntrypointExists
        elif self.missing(path, on):
            error = EntrypointInvalid
        with self.expecting(error):
            fields = {"name": name, "type": "folder", "data": {"path": path}, "systems": on}
            added = self.run(self.registry.add(user, **fields))
            self.known[user, added.id] = Known(name, "folder", path, set(on))

    @rule(user=users, name=names)
    def add_of_the_sites_type(self, user, name):
        there = "site" in self.site.types
        with self.expecting(Forbidden if there else NotFound):
            fields = {"type": "site", "data": {"path": "/z"}, "systems": ["cori"]}
            self.run(self.registry.add(user, name=name, **fields))

    @precondition(lambda self: self.known)
    @rule(which=which, name=st.none() | names, path=st.none() | paths, on=st.none() | some_systems)
    def edit(self, which, name, path, on):
        user, this = self.one_of(which)
        known = self.known[user, this]
        retired = known.systems - self.site.systems.keys()
        wanted = known.systems if on is None else on | retired
        new = Known(name or known.name, "folder", path or known.path, set(wanted))
        with self.expecting(self.error_of_edit(user, this, known, new)):
            data = {"path": path} if path else None
            found = self.run(self.registry.edit(user, this, name=name, data=data, systems=on))
            assert found.id == this
            self.known[user, this] = new
            for system in known.systems - new.systems:
                if self.selected.get((user, system)) == this:
                    del self.selected[user, system]

    def error_of_edit(self, user, this, known, new):
        """Why it cannot become `new`."""
        if known.type == "site":
            return Forbidden
        if known.type not in self.site.types:
            return EntrypointRetired
        if not new.systems - known.systems <= self.site.systems.keys():
            return NotFound
        if self.named(user, new.name) not in (None, this):
            return EntrypointExists
        checked = new.systems & self.site.systems.keys()
        if new.path == known.path:
            checked -= known.systems
        return EntrypointInvalid if self.missing(new.path, checked) else None

    @precondition(lambda self: self.known)
    @rule(which=which)
    def remove(self, which):
        user, this = self.one_of(which)
        with self.expecting(Forbidden if self.known[user, this].type == "site" else None):
            self.run(self.registry.remove(user, this))
            del self.known[user, this]
            for key, chosen in list(self.selected.items()):
                if (key[0], chosen) == (user, this):
                    del self.selected[key]

    @rule(user=users, name=st.sampled_from(["nothing", "0" * 32]))
    def reach_for_what_is_not_there(self, user, name):
        for reach in (
            self.registry.edit(user, name, name="x"),
            self.registry.remove(user, name),
            self.registry.find(user, name),
        ):
            with self.expecting(NotFound):
                self.run(reach)

    @precondition(lambda self: self.known)
    @rule(which=which, system=systems)
    def select_what_there_is(self, which, system):
        user, this = self.one_of(which)
        self.select(user, system, self.known[user, this].name, True)

    @rule(user=users, system=systems, name=names | options, by_id=st.booleans())
    def select(self, user, system, name, by_id):
        this = self.named(user, name)
        known = self.known.get((user, this))
        is_offered = "site" in self.site.types and name in self.offers
        if system not in self.site.systems:
            error = NotFound
        elif known and known.type not in self.site.types:
            error = EntrypointRetired
        elif known and known.type == "site":
            error = None if is_offered else EntrypointRetired
        elif known:
            error = None if system in known.systems else NotOnSystem
        else:
            error = None if is_offered else NotFound
        with self.expecting(error):
            which = {"id": this} if by_id and this else {"name": name}
            found = self.run(self.registry.select(user, system, **which))
            assert found.name == name
            if not known:
                self.known[user, found.id] = Known(name, "site", "")
            self.unselect(user, system, but=found.id)
            self.known[user, found.id].systems.add(system)
            self.selected[user, system] = found.id

    @rule(user=users, system=systems)
    def clear(self, user, system):
        there = system in self.site.systems or (user, system) in self.selected
        with self.expecting(None if there else NotFound):
            self.run(self.registry.clear(user, system))
            self.unselect(user, system)

    def unselect(self, user, system, but=None):
        """Of what the site offers, nothing is kept that is not selected."""
        if self.selected.get((user, system)) in (None, but):
            return
        this = self.selected.pop((user, system))
        known = self.known[user, this]
        if known.type == "site":
            known.systems.remove(system)
            if not known.systems:
                del self.known[user, this]

    # what administrators do

    @rule(system=systems)
    def let_a_system_leave(self, system):
        self.site.systems.pop(system, None)
        self.site.restart()

    @rule(kind=kinds)
    def let_a_type_leave(self, kind):
        self.site.types.pop(kind, None)
        self.site.restart()

    @precondition(lambda self: len(self.site.systems) + len(self.site.types) < 4)
    @rule()
    def let_all_come_back(self):
        self.site.systems.update(SYSTEMS)
        self.site.types.update(self.all_types)
        self.site.restart()

    @rule(name=options, path=st.none() | paths)
    def change_an_offer(self, name, path):
        self.offers.pop(name, None)
        if path:
            self.offers[name] = path

    @rule(system=systems, path=paths)
    def let_a_path_vanish(self, system, path):
        self.site.validator.missing |= {(system, path)}

    @precondition(lambda self: self.site.validator.missing)
    @rule()
    def let_the_paths_come_back(self):
        self.site.validator.missing.clear()

    # what must hold after each step

    @invariant()
    def what_is_kept_is_that_of_the_model(self):
        for user in ("alice", "bob"):
            found = self.run(self.registry.of_user(user))
            assert {
                (user, each.id): Known(
                    each.name,
                    each.type,
                    each.data["path"] if each.type == "folder" else "",
                    set(each.systems),
                )
                for each in found
            } == {key: known for key, known in self.known.items() if key[0] == user}
            chosen = self.run(self.registry.selections(user))
            assert {(user, system): each.id for system, each in chosen.items()} == {
                key: this for key, this in self.selected.items() if key[0] == user
            }

    @invariant()
    def a_server_starts_in_what_is_selected_or_not_at_all(self):
        for (user, system), this in self.selected.items():
            selected = self.run(self.registry.selected(user, system))
            assert selected.id == this
            retired = system not in self.site.systems or selected.type not in self.site.types
            assert self.registry.retired(selected, system) == retired
            report = self.run(self.registry.validate(user, selected, system))
            path = self.path_of(selected)
            if path is None or retired:
                error = EntrypointRetired
            else:
                error = EntrypointInvalid if self.missing(path, [system]) else None
            assert report.result == (error is None)
            with self.expecting(error):
                found = self.run(self.registry.specification(user, selected, system))
                assert found.command.argv == (f"{path}/run",)

    def path_of(self, selected):
        """The path that counts now: that of the offer, where the site offers it."""
        known = self.known[selected.user, selected.id]
        return self.offers.get(known.name) if known.type == "site" else known.path

    @invariant()
    def nothing_is_selected_where_the_model_selects_nothing(self):
        for user in ("alice", "bob"):
            for system in SYSTEMS.keys() - {on for of, on in self.selected if of == user}:
                with self.expecting(None if system in self.site.systems else NotFound):
                    assert self.run(self.registry.selected(user, system)) is None

    @invariant()
    def the_database_has_no_row_that_refers_to_nothing(self):
        engine = store.connect(self.url)
        with engine.connect() as connection:
            assert connection.execute(sa.text("PRAGMA foreign_key_check")).all() == []
        engine.dispose()


def test_the_registry_does_what_dictionaries_do(new_sqlite):
    story = type("StoryHere", (Story,), {"url": new_sqlite()})
    told = settings(
        max_examples=int(MODEL_EXAMPLES or 40),
        stateful_step_count=30,
        deadline=None,
        derandomize=not MODEL_EXAMPLES,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(story, settings=told)
