"""Changes three things of batchspawner 1.3.0, if it is installed.

Its API lets a user's server set any attribute of its spawner, a user's options replace variables
of the job script, the command included, and a start waits for a job that has ended.
"""

import asyncio
from typing import Any

from tornado import web

# what a job has to report
MAX_PORT = 65_535
# between two looks at a job that runs and has not reported its port
WATCH_SECONDS = 2.0


def close_holes() -> None:
    """Replace the API's handler, keep user options out of job scripts, and watch starting jobs.

    `configure` calls it, and each start again: batchspawner may be found only later.
    """
    try:
        from batchspawner import api, batchspawner
    except ImportError:
        return
    # the class is in JupyterHub's list of handlers already: it is changed in place
    api.BatchSpawnerAPIHandler.post = _post
    base = batchspawner.BatchSpawnerBase
    if base.submit_batch_script is not _submit:
        base._launcher_submit, base.submit_batch_script = base.submit_batch_script, _submit
        base._launcher_start, base.start = base.start, _start


async def _post(handler: Any) -> None:
    """POST of the port on which a job's server listens; nothing else can be set."""
    token = handler.get_auth_token()
    # a service, or nobody, has no spawners
    spawners = getattr(handler.current_user, "spawners", {}).values()
    spawner = next((each for each in spawners if token and each.api_token == token), None)
    if spawner is None:
        raise web.HTTPError(403, "Only the server's own token may report its port.")
    data = handler.get_json_body()
    port = data.get("port") if isinstance(data, dict) else None
    if isinstance(port, bool) or not isinstance(port, int) or not 0 < port <= MAX_PORT:
        raise web.HTTPError(400, f"port must be a number from 1 to {MAX_PORT}.")
    # a wrapspawner's child waits for it
    (getattr(spawner, "child_spawner", None) or spawner).port = port
    handler.set_status(201)
    handler.finish({"message": "BatchSpawner data configured"})


async def _submit(spawner: Any) -> Any:
    """Submit the job without the user's options, which would replace variables of the script."""
    options, spawner.user_options = spawner.user_options, {}
    try:
        return await spawner._launcher_submit()
    finally:
        spawner.user_options = options


async def _start(spawner: Any) -> Any:
    """Start as batchspawner does, but do not wait for the port of a job that has ended."""
    started = asyncio.ensure_future(spawner._launcher_start())
    try:
        while not started.done():
            await asyncio.wait({started}, timeout=WATCH_SECONDS)
            if not started.done() and await _has_ended(spawner):
                raise web.HTTPError(500, _ENDED)
        return await started
    finally:
        started.cancel()


_ENDED = (
    "The batch job ended before its server was ready. The job's output says why; a common reason is"
    " an environment without JupyterHub or JupyterLab."
)


async def _has_ended(spawner: Any) -> bool:
    """Whether the job ran, and does no longer."""
    if not spawner.job_id or not spawner.state_isrunning():
        return False
    return (await spawner.query_job_status()).name == "NOTFOUND"
