"""LoginLimits on failed sign-ins: per user name and address, and per address."""

import asyncio
import functools
import math
import time
import unicodedata
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from weakref import WeakValueDictionary

from cachetools import TTLCache

from launcher import logs
from launcher.auth.digests import derived, digest
from launcher.errors import HubUnavailable, TooManyRequests
from launcher.hub import RETRY_AFTER_SECONDS
from launcher.store import Store, login_attempts
from launcher.store.login_attempts import WINDOW_SECONDS, Refusal

MAX_REMEMBERED = 10_000
# checks that the hub does for one address at the same moment, for each of our processes
PASSWORDS_AT_ONCE = 10
TOKENS_AT_ONCE = 20
# further checks wait so long at most: by then the hub hangs
WAIT_SECONDS = 20.0
LOGGED_CHARACTERS = 64


@dataclass(frozen=True)
class LoginLimits:
    """Failures per minute."""

    passwords_of_name: int
    passwords: int
    tokens: int


@dataclass(frozen=True)
class Address:
    """Where requests come from, and the keyed hashes under which its failures are counted."""

    text: str
    passwords: str
    tokens: str


class Throttle:
    """Counts failures in the store, and refuses from memory whom the store said to refuse."""

    def __init__(self, store: Store, secret: bytes, limits: LoginLimits) -> None:
        self._store = store
        self._key = derived(secret, "launcher login attempts")
        self._limits = limits
        self._until: TTLCache[str, float] = TTLCache(MAX_REMEMBERED, WINDOW_SECONDS)
        self._told: TTLCache[str, bool] = TTLCache(MAX_REMEMBERED, WINDOW_SECONDS)
        self._lines: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    def address(self, text: str) -> Address:
        """An address with what it is counted under."""
        return Address(text, self._who("passwords", text), self._who("tokens", text))

    @asynccontextmanager
    async def password(self, name: str, address: Address, *, proved: bool) -> AsyncIterator[None]:
        """Wait until a password may be checked; raises TooManyRequests, HubUnavailable.

        One that was right before (`proved`) is checked in spite of failures.
        """
        refuse = _refuse_nobody if proved else functools.partial(self._refuse_password, name)
        async with self._turn(address.passwords, PASSWORDS_AT_ONCE, refuse, address):
            yield

    @asynccontextmanager
    async def token(self, address: Address, *, proved: bool) -> AsyncIterator[None]:
        """The same for a token."""
        refuse = _refuse_nobody if proved else self._refuse_token
        async with self._turn(address.tokens, TOKENS_AT_ONCE, refuse, address):
            yield

    @asynccontextmanager
    async def _turn(
        self, who: str, at_once: int, refuse: Callable[[Address], None], address: Address
    ) -> AsyncIterator[None]:
        refuse(address)
        line = self._lines.get(who)
        if line is None:
            line = self._lines[who] = asyncio.Semaphore(at_once)
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await line.acquire()
        except TimeoutError as error:
            raise HubUnavailable(
                "The hub takes too long to check names, passwords or tokens. Try again in a few"
                " seconds.",
                retry_after=RETRY_AFTER_SECONDS,
            ) from error
        try:
            refuse(address)
            yield
        finally:
            line.release()

    def _refuse_password(self, name: str, address: Address) -> None:
        for who in (address.passwords, self._who_is(name, address)):
            if seconds := self._seconds(who):
                raise self._too_many_passwords(Refusal(who, seconds), name, address)

    def _refuse_token(self, address: Address) -> None:
        if seconds := self._seconds(address.tokens):
            raise self._too_many_tokens(seconds, address)

    async def begin(self, name: str, address: Address) -> None:
        """Count a try with a password before it is made; raises TooManyRequests."""
        refusal = await self._store.run(
            login_attempts.begin,
            self._who_is(name, address),
            self._limits.passwords_of_name,
            address=address.passwords,
            address_limit=self._limits.passwords,
        )
        if refusal:
            self._block(refusal.who, refusal.seconds)
            raise self._too_many_passwords(refusal, name, address)

    async def right(self, name: str, address: Address) -> None:
        """Forget the tries with this name: its user knows the password."""
        who = self._who_is(name, address)
        await self._store.run(login_attempts.succeeded, who)
        self._until.pop(who, None)

    async def wrong(self, name: str, address: Address) -> None:
        """Count a wrong password for the address, too."""
        logs.audit("login_failed", user=name[:LOGGED_CHARACTERS], address=address.text)
        await self._fail(address.passwords, self._limits.passwords)

    async def undecided(self, name: str, address: Address) -> None:
        """Count a check that the hub did not finish for the address, and not for the name."""
        await self._store.run(login_attempts.retract, self._who_is(name, address))
        await self._fail(address.passwords, self._limits.passwords)

    async def unknown_token(self, address: Address) -> None:
        """Count a token that the hub did not know."""
        await self._fail(address.tokens, self._limits.tokens)

    async def _fail(self, who: str, limit: int) -> None:
        self._block(who, await self._store.run(login_attempts.fail, who, limit))

    def _block(self, who: str, seconds: int) -> None:
        if seconds:
            self._until[who] = time.monotonic() + seconds

    def _seconds(self, who: str) -> int:
        return max(0, math.ceil(self._until.get(who, 0.0) - time.monotonic()))

    def _too_many_passwords(self, refusal: Refusal, name: str, address: Address) -> TooManyRequests:
        if not self._told.get(refusal.who):
            self._told[refusal.who] = True
            logs.audit("login_throttled", user=name[:LOGGED_CHARACTERS], address=address.text)
        whose = " from your address" if refusal.who == address.passwords else ""
        return _too_many(f"wrong passwords{whose}", refusal.seconds)

    def _too_many_tokens(self, seconds: int, address: Address) -> TooManyRequests:
        if not self._told.get(address.tokens):
            self._told[address.tokens] = True
            logs.audit("tokens_throttled", address=address.text)
        return _too_many("unknown tokens from your address", seconds)

    def _who(self, *parts: str) -> str:
        return digest(self._key, *parts).hex()

    def _who_is(self, name: str, address: Address) -> str:
        return self._who("name", alike(name), address.text)


def _refuse_nobody(_address: Address) -> None:
    pass


def _too_many(what: str, seconds: int) -> TooManyRequests:
    return TooManyRequests(
        f"There were too many {what}. Try again in {seconds} seconds.", retry_after=seconds
    )


def alike(name: str) -> str:
    """The same for all names that a hub, PAM or LDAP may take for one account.

    JupyterHub lowers letters and strips spaces; directories (RFC 4518) also ignore the form of
    letters, invisible characters, spaces, and some of them accents.
    """
    letters = unicodedata.normalize("NFKD", name).casefold()
    letters = unicodedata.normalize("NFKD", letters).casefold()
    return "".join(c for c in letters if unicodedata.category(c)[0] not in "CMZ")
