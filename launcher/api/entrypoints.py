"""Tag `entrypoints`: systems, types, and the environments of users with their selections."""

from typing import Any

from launcher.api import Answer, here
from launcher.entrypoints.model import Entrypoint, EntrypointType
from launcher.entrypoints.registry import Registry
from launcher.errors import BadRequest, NotFound, UnknownUser
from launcher.hub import servers
from launcher.hub.users import Identity
from launcher.store import spawners


async def systems() -> dict[str, Any]:
    """The systems of the site, and the spawners that start servers there."""
    found = []
    for system in _registry().systems.values():
        known = await here().store.read(spawners.find, system.name)
        found.append(
            {
                "name": system.name,
                "display_name": system.display_name,
                "hostname": system.hostname,
                "spawner": known and known.spawner,
                "fields": list(known.fields) if known else None,
            }
        )
    return {"systems": found}


async def types() -> dict[str, Any]:
    """The types of entrypoints, with the JSON Schemas of their data."""
    return {"entrypoint_types": [_type(kind) for kind in _registry().types.values()]}


async def of_user(user_name: str, user: Identity) -> dict[str, Any]:
    """All entrypoints of a user, and which one is selected on each system."""
    owner = await _owner(user_name, user)
    selected = await _registry().selections(owner)
    return {
        "entrypoints": [_entrypoint(each) for each in await _registry().of_user(owner)],
        "selected": {system: each.id for system, each in selected.items()},
    }


async def of_type(
    user_name: str, system: str, user: Identity, entrypoint_type: str
) -> dict[str, Any]:
    """The entrypoints of a type that the user can select on a system."""
    owner = await _owner(user_name, user)
    found = await _registry().of_type(owner, system, entrypoint_type)
    return {owner: [_entrypoint(each) for each in found]}


async def of_type_plural(
    user_name: str, system: str, user: Identity, entrypoint_type: str
) -> dict[str, Any]:
    """As `of_type`: clients of jupyterhub-entrypoint use both paths."""
    return await of_type(user_name, system, user, entrypoint_type)


async def selected(user_name: str, system: str, user: Identity) -> dict[str, Any]:
    """The entrypoint that the user selected on a system."""
    owner = await _owner(user_name, user)
    return await selection(owner, system)


async def selection(owner: str, system: str) -> dict[str, Any]:
    """The selected entrypoint by the name of its user, `{}` if none is selected."""
    found = await _registry().selected(owner, system)
    return {owner: _entrypoint(found)} if found else {}


async def add(user_name: str, system: str, body: dict[str, Any], user: Identity) -> Answer:
    """Add an entrypoint."""
    owner = await _owner(user_name, user)
    added = await _registry().add(
        owner,
        name=body["name"],
        type=body["type"],
        data=_data(body),
        systems=body.get("systems") or [system],
    )
    return _entrypoint(added), 201


def _data(body: dict[str, Any]) -> dict[str, Any]:
    """The entrypoint's data; the form of jupyterhub-entrypoint has the path in `entrypoint`."""
    if "data" in body:
        if "entrypoint" in body:
            raise BadRequest("data and entrypoint are both given; leave one of them out.")
        data: dict[str, Any] = body["data"]
        return data
    if "entrypoint" not in body:
        missing = {"pointer": "/data", "detail": "is missing"}
        raise BadRequest("data is missing.", errors=[missing])
    kind = _registry().types.get(body["type"])
    required = kind.schema.get("required") if kind else None
    return {(required or ["path"])[0]: body["entrypoint"]}


async def edit(entrypoint_id: str, user_name: str, body: dict[str, Any], user: Identity) -> Answer:
    """Change the name, the data or the systems of an entrypoint."""
    owner = await _owner(user_name, user)
    return _entrypoint(await _registry().edit(owner, entrypoint_id, **body)), 200


async def select(user_name: str, system: str, body: dict[str, Any], user: Identity) -> Answer:
    """Select an entrypoint on a system."""
    owner = await _owner(user_name, user)
    if len(body) != 1:
        raise BadRequest("Give either the id or the name of the entrypoint.")
    found = await _registry().select(owner, system, **body)
    return {owner: _entrypoint(found)}, 200


async def remove(
    user_name: str, system: str, user: Identity, body: dict[str, Any] | None = None
) -> Answer:
    """Remove an entrypoint; without an id, clear the selection on the system."""
    owner = await _owner(user_name, user)
    if body and "id" in body:
        await _registry().remove(owner, body["id"])
    else:
        await _registry().clear(owner, system)
    return {}, 204


async def validate(
    user_name: str, system: str, user: Identity, entrypoint: str = ""
) -> dict[str, Any]:
    """Look again whether a server can start in an entrypoint, by default the selected one."""
    owner = await _owner(user_name, user)
    registry = _registry()
    if entrypoint:
        found: Entrypoint | None = await registry.find(owner, entrypoint)
    else:
        found = await registry.selected(owner, system)
    if found is None:
        return {"result": False, "message": "Nothing is selected on this system.", "hosts": []}
    return (await registry.validate(owner, found, system)).to_json()


async def _owner(name: str, user: Identity) -> str:
    """The user whose entrypoints these are: the caller, or any for an administrator."""
    if name == user.name and not user.is_service:
        return name
    if not user.may_administer:
        raise NotFound("There is no such user, or their entrypoints are not yours to see.")
    try:
        return await servers.canonical_name(here().hub, name)
    except UnknownUser as error:
        raise NotFound(f"The hub has no user {name!r}.") from error


def _registry() -> Registry:
    return here().registry


def _entrypoint(found: Entrypoint) -> dict[str, Any]:
    registry = _registry()
    return {
        "id": found.id,
        "name": found.name,
        "type": found.type,
        "data": dict(found.data),
        "systems": list(found.systems),
        "retired": [system for system in found.systems if registry.retired(found, system)],
    }


def _type(kind: EntrypointType) -> dict[str, Any]:
    return {
        "name": kind.name,
        "display_name": kind.display_name,
        "mutable": kind.mutable,
        "help_link": kind.help_link or None,
        "schema": dict(kind.schema),
    }
