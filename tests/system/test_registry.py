"""The stand-in registry of the other tests does as a real one: the same contract for both."""

import pytest
import registry_contract
from certificates import Authority
from real_registry import RealRegistry

pytestmark = pytest.mark.system


@pytest.fixture
def start(tmp_path):
    """Starts a registry that asks for access in one of the ways."""
    authority, started = Authority(tmp_path), []

    def start_one(asks_for):
        started.append(RealRegistry(tmp_path / "registry", authority, asks_for))
        return started[-1].start()

    yield start_one
    for registry in started:
        registry.stop()


def test_a_real_registry_has_manifests_as_the_stand_in(start):
    registry = start("")
    registry_contract.check_manifests(registry, registry.ca_file)


@pytest.mark.parametrize("asks_for", ["", "basic"])
async def test_the_launcher_finds_images_in_a_real_registry(start, asks_for):
    registry = start(asks_for)
    await registry_contract.check_images(registry, registry.ca_file)


def test_a_real_registry_asks_for_a_password_as_the_stand_in(start):
    registry = start("basic")
    registry_contract.check_basic(registry, registry.ca_file)


def test_a_real_registry_names_its_token_service_as_the_stand_in(start):
    registry = start("bearer")
    registry_contract.check_bearer(registry, registry.ca_file)
