"""The settings whose values the features read: experiments, environments, projects, own routes.

`launcher serve` and `launcher doctor` both read them here, so that they refuse the same ones.
"""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from starlette.routing import BaseRoute

from launcher import outbound
from launcher.config import Launcher
from launcher.entrypoints import configuration
from launcher.entrypoints.model import EntrypointType, System, Validator
from launcher.entrypoints.registry import Registry
from launcher.errors import ConfigError
from launcher.experiments import check_paths
from launcher.git import Git
from launcher.projects.addresses import Addresses, CheckedResolver
from launcher.projects.api import open_session
from launcher.projects.host_calls import HostCalls
from launcher.projects.hosts import GitHosts, read_git_hosts
from launcher.projects.images import Images
from launcher.projects.options import ServerOptions, read_server_options
from launcher.projects.reader import RepositoryReader
from launcher.projects.registries import Registries, read_registries
from launcher.store import Store


@dataclass(frozen=True)
class ConfiguredEnvironments:
    """The settings of the registry of environments."""

    systems: Mapping[str, System]
    types: Mapping[str, EntrypointType]
    validator: Validator

    @classmethod
    def read(cls, settings: Launcher) -> "ConfiguredEnvironments":
        """Read them; raises ConfigError."""
        return cls(
            configuration.read_systems(settings.systems),
            configuration.read_types(settings.entrypoint_types),
            configuration.read_validator(settings.validator, settings.validator_options),
        )

    def registry(self, database: Store) -> Registry:
        """The registry of a worker."""
        return Registry(database, systems=self.systems, types=self.types, validator=self.validator)


@dataclass(frozen=True)
class ConfiguredProjects:
    """The settings of git projects."""

    hosts: GitHosts
    options: ServerOptions
    registries: Registries
    addresses: Addresses

    @classmethod
    def read(cls, settings: Launcher) -> "ConfiguredProjects":
        """Read them; raises ConfigError."""
        hosts = read_git_hosts(settings.git_hosts)
        registries = read_registries(settings.image_registries, hosts)
        return cls(
            hosts,
            read_server_options(settings.server_options),
            registries,
            Addresses(hosts, private=registries.private_names),
        )

    @asynccontextmanager
    async def open_session(
        self, on_end: Callable[[str, str, float], None]
    ) -> AsyncIterator[outbound.Session]:
        """A session for git hosts and registries, which connects to allowed addresses only."""
        async with open_session(CheckedResolver(self.addresses), on_end) as session:
            yield session

    def clients(self, session: outbound.Session) -> tuple[RepositoryReader, Images]:
        """What reads repositories, and what finds images in registries."""
        reader = RepositoryReader(Git(), HostCalls(session, self.addresses))
        return reader, Images(session, self.registries)


@dataclass(frozen=True)
class Configured:
    """All of these settings."""

    environments: ConfiguredEnvironments
    projects: ConfiguredProjects

    @classmethod
    def read(cls, settings: Launcher) -> "Configured":
        """Read and check them; raises ConfigError."""
        check_paths(settings.experiment_paths)
        _check_handlers(settings.additional_handlers)
        return cls(ConfiguredEnvironments.read(settings), ConfiguredProjects.read(settings))


def _check_handlers(handlers: Sequence[Any]) -> None:
    if not all(isinstance(handler, BaseRoute) for handler in handlers):
        raise ConfigError(
            "c.Launcher.additional_handlers must be a list of routes, such as"
            " starlette.routing.Route('/status', status)."
        )
