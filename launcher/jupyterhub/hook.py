"""The spawn hook: asks the launcher at every spawn how this server starts, and applies it."""

import asyncio
import inspect
import logging
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

from tornado import web

from launcher.jupyterhub import adapters
from launcher.jupyterhub.batchspawner import close_holes
from launcher.jupyterhub.git_tokens import GitTokens
from launcher.jupyterhub.server_logs import ServerLogs
from launcher.jupyterhub.transport import Certificates, LauncherAway, Refused, ask
from launcher.spawn.errors import SpecificationError
from launcher.spawn.protocol import MOST_NAMES, VERSION, SpawnAnswer, SpawnQuestion, incompatibility

log = logging.getLogger("jupyterhub.launcher")

LAUNCHER_URL = "LAUNCHER_URL"
# between questions to a launcher that restarts
PAUSE_SECONDS = 0.5


@dataclass(frozen=True)
class SpawnHook:
    """An asynchronous `pre_spawn_hook`; another hook of the site runs first."""

    url: str
    """The launcher's URL, with its prefix."""
    secret: str
    system: Any
    """The name of the system that servers start on, or a function of the spawner."""
    on_unavailable: str
    """`fail`, or `default`: the spawner's own configuration."""
    timeout: float
    earlier: "Callable[[Any], Any] | None" = None
    allowed_environment: tuple[str, ...] = ()
    certificates: "Certificates | None" = None
    git_tokens: "GitTokens | None" = None
    logs: "ServerLogs | None" = None

    def __repr__(self) -> str:
        return f"SpawnHook({self.url!r})"

    async def __call__(self, spawner: Any) -> None:
        """Prepare the spawner; raises tornado's HTTPError with a sentence for the user."""
        await self._prepare(spawner)
        if self.logs is not None:
            self.logs.begin(spawner, adapters.innermost(spawner))

    async def _prepare(self, spawner: Any) -> None:
        """Apply the launcher's answer."""
        adapters.reset(spawner)
        if self.earlier is not None:
            result = self.earlier(spawner)
            if inspect.isawaitable(result):
                await result
        if "batchspawner" in sys.modules:
            close_holes()
        url = self._url(spawner)
        target = adapters.innermost(spawner)
        adapter = adapters.find(target)
        if self.git_tokens is not None:
            await self.git_tokens.at_spawn(spawner)
        answer = await self._answer(url, spawner, target, adapter)
        if answer is None:
            return
        try:
            adapters.check(adapter, target, answer.specification)
            if adapter is not None:
                adapter.apply(target, answer.specification)
        except SpecificationError as error:
            raise web.HTTPError(409, f"This environment cannot start here: {error}") from error
        if answer.launcher_url:
            known = adapter or adapters.Adapter(adapters.name_of(target))
            known.add_environment(target, {LAUNCHER_URL: answer.launcher_url})
        if self.on_unavailable == "default":
            await self._hand_over(url, spawner)
        if answer.entrypoint:
            log.info("%s starts in %r", spawner._log_name, answer.entrypoint)

    async def _hand_over(self, url: str, spawner: Any) -> None:
        """Hand the server's token over, now that the answer is applied.

        The launcher takes the token for the proof that the server runs in what it answered. A hook
        that may go on without the answer must not send it with the question.
        """
        token = {"server": spawner.name, "token": spawner.api_token}
        try:
            await self._ask(f"{url}/token", token, self.timeout)
        except (LauncherAway, Refused) as error:
            log.warning("%s has not handed over its token: %s", spawner._log_name, error)

    async def _ask(self, url: str, message: "dict[str, Any]", seconds: float) -> Any:
        return await ask(url, self.secret, message, seconds=seconds, certificates=self.certificates)

    async def _ask_patiently(self, url: str, question: SpawnQuestion) -> Any:
        """Ask, and ask a launcher that restarts again until `timeout`, if nothing else is possible.

        The last question counts for the launcher, so that an answer may be lost.
        """
        until, left = time.monotonic() + self.timeout, self.timeout
        while True:
            try:
                return await self._ask(url, replace(question, seconds=left).to_json(), left)
            except LauncherAway as error:
                left = until - time.monotonic() - PAUSE_SECONDS
                if self.on_unavailable == "default" or not error.may_restart or left <= 0:
                    raise
            await asyncio.sleep(PAUSE_SECONDS)

    async def _answer(
        self, url: str, spawner: Any, target: Any, adapter: "adapters.Adapter | None"
    ) -> "SpawnAnswer | None":
        """The launcher's answer; None if the spawner's own configuration is used without it."""
        question = SpawnQuestion(
            server=spawner.name,
            version=VERSION,
            spawner=adapters.name_of(target),
            fields=adapter.fields if adapter else (),
            token=spawner.api_token if self.on_unavailable == "fail" else None,
            user_options=tuple(sorted(map(str, spawner.user_options or {})))[:100],
            entrypoint=_chosen(spawner),
            active=_active(spawner),
            groups=tuple(group.name for group in spawner.user.groups)[:MOST_NAMES],
        )
        try:
            return self._checked(await self._ask_patiently(url, question))
        except Refused as error:
            # whatever the launcher's status is: the hub gives some a meaning of their own
            raise web.HTTPError(409, str(error)) from error
        except LauncherAway as error:
            self._go_on_without(spawner, str(error))
            return None
        except SpecificationError as error:
            # for the launcher the server runs in what it answered, so that never becomes another
            log.error("%s cannot start in what the launcher answers: %s", spawner._log_name, error)
            raise web.HTTPError(
                503,
                f"The answer to what your server starts in cannot be used ({error}), so your server"
                " was not started. Ask the hub's administrator.",
            ) from error

    def _checked(self, answer: Any) -> SpawnAnswer:
        """The answer; raises LauncherAway if it is no launcher's, else SpecificationError."""
        theirs = answer.get("version", "") if isinstance(answer, dict) else ""
        if problem := incompatibility(str(theirs), "launcher"):
            raise LauncherAway(problem)
        return SpawnAnswer.from_json(answer, self.allowed_environment)

    def _go_on_without(self, spawner: Any, reason: str) -> None:
        """Let the server start as the site says, or raise HTTPError, as `on_unavailable` says."""
        if self.on_unavailable == "default":
            log.warning("%s starts without the launcher: %s", spawner._log_name, reason)
            return
        log.error("%s cannot start: the launcher does not answer: %s", spawner._log_name, reason)
        raise web.HTTPError(
            503,
            "The service that knows your environment does not answer, so your server was not"
            " started. Try again in a minute.",
        )

    def _url(self, spawner: Any) -> str:
        system = self.system(spawner) if callable(self.system) else self.system
        user, name = quote(spawner.user.name, safe="@~"), quote(str(system), safe="")
        return f"{self.url}/hub/users/{user}/systems/{name}/spawn"


def _active(spawner: Any) -> "tuple[str, ...]":
    """The names of the user's other servers that run, start or stop."""
    others = (name for name, each in spawner.user.spawners.items() if each.active)
    return tuple(name for name in others if name != spawner.name)[:MOST_NAMES]


def _chosen(spawner: Any) -> "str | None":
    """The option `entrypoint` of the hub's form: one of the user's own, by its id or name."""
    chosen = (spawner.user_options or {}).get("entrypoint")
    return chosen if isinstance(chosen, str) and chosen else None
