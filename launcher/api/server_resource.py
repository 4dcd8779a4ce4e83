"""The representation of a server, with that of Renku notebooks beside the launcher's own."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from launcher.hub.servers import Server
from launcher.store.project_servers import FAILED, ProjectServer

# the phases of a pod (Kubernetes), as Renku notebooks give them
_PHASES = {"running": "Running", "starting": "Pending", "stopping": "Running"}
# options of Renku notebooks, and what they are called among the resources
_RESOURCES = {"cpu_request": "cpu", "mem_request": "memory", "gpu_request": "gpu"}


def resource(server: Server, kept: ProjectServer | None) -> dict[str, Any]:
    """The server as openapi.yaml describes it; `kept` is its project, if it has one."""
    return {
        **asdict(server),
        "project": _project(kept) if kept else None,
        "annotations": _annotations(kept) if kept else {},
        "status": _status(server, kept),
        "resources": _resources(kept.options) if kept else {},
    }


def _project(kept: ProjectServer) -> dict[str, Any]:
    return {
        "repository": kept.repository,
        "namespace": kept.namespace,
        "project": kept.project,
        "commit_sha": kept.commit_sha,
        "branch": kept.branch,
        "follow": None if kept.commit_sha else "branch",
        "folder": kept.folder,
        "serverOptions": dict(kept.options),
        "image": kept.image,
        "checkout": kept.checkout,
        "detail": kept.detail,
    }


def _annotations(kept: ProjectServer) -> dict[str, str]:
    named = {
        "namespace": kept.namespace,
        "projectName": kept.project,
        "branch": kept.branch,
        "commit-sha": kept.commit_sha or "",
        "username": kept.server.user,
    }
    return {f"renku.io/{name}": value for name, value in named.items()}


def _status(server: Server, kept: ProjectServer | None) -> dict[str, Any]:
    is_ready = server.state == "running"
    failed = kept is not None and kept.checkout == FAILED
    return {
        "phase": _PHASES.get(server.state, "Succeeded"),
        "ready": is_ready,
        "reason": "CheckoutFailed" if failed else None,
        "message": kept.detail if kept and is_ready else None,
    }


def _resources(options: Mapping[str, Any]) -> dict[str, Any]:
    return {_RESOURCES[name]: value for name, value in options.items() if name in _RESOURCES}
