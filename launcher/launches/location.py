"""Where a launch leads to: the URL of what it opened."""

from launcher import urls
from launcher.store.launches import Launch

# more than a user has open tabs; each workspace leaves a file in ~/.jupyter
WORKSPACES = 100


def location(launch: Launch, public_url: str, home_path: str) -> str:
    """The URL that opens the launch's notebook or project in JupyterLab, else the server's URL.

    `public_url` is the hub's, `home_path` the path of a user's home below the root of their server.
    A workspace that the caller named keeps its layout. The default workspaces are reset, and there
    are several: old versions of JupyterLab ask for a new name if another tab has the same one.
    """
    server, notebook, project = launch.server, launch.notebook, launch.project
    if notebook:
        opened = notebook.path or ""
    elif project:
        opened = f"{project.folder}/{project.opens}" if project.opens else project.folder
    else:
        return urls.join(public_url, *server.url_segments) + "/"
    path = (*urls.below_root(home_path, server.user), *opened.split("/"))
    named = notebook and notebook.workspace
    query = None if named else {"reset": "1"}
    workspace = named or f"launcher-{int(launch.id[:8], 16) % WORKSPACES}"
    lab = (*server.url_segments, "lab", "workspaces", workspace, "tree")
    return urls.join(public_url, *lab, *path, query=query)
