"""The settings of environments and of git projects, read and checked."""

from collections.abc import Mapping
from dataclasses import dataclass

from launcher import outbound
from launcher.config import Launcher
from launcher.entrypoints import configuration
from launcher.entrypoints.model import EntrypointType, System, Validator
from launcher.entrypoints.registry import Registry
from launcher.git import Git
from launcher.projects.addresses import Addresses
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

    def clients(self, session: outbound.Session) -> tuple[RepositoryReader, Images]:
        """What reads repositories, and what finds images in registries."""
        reader = RepositoryReader(Git(), HostCalls(session, self.addresses))
        return reader, Images(session, self.registries)
