"""Limits of failed sign-ins: per user name and address, and per address."""

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
from launcher.digests import derived, digest
from launcher.errors import HubUnavailable, TooManyRequests
from launcher.hub import RETRY_AFTER_SECONDS
from launcher.store import Store, login_attempts
from launcher.store.login_attempts import WINDOW_SECONDS, Refusal

MAX_REMEMBERED = 10_000
# concurrent checks at the hub for one address, in each worker
PASSWORDS_AT_ONCE = 10
TOKENS_AT_ONCE = 20
# how long further checks wait at most
WAIT_SECONDS = 20.0
LOGGED_CHARACTERS = 64


@dataclass(frozen=True)
class LoginLimits:
    """Maximum failures per minute."""

    passwords_of_name: int
    passwords: int
    tokens: int


@dataclass(frozen=True)
class Address:
    """A client address, and the keyed hashes under which its failures are counted."""

    text: str
    passwords: str
    tokens: str


class Throttle:
    """Counts failures in the store, and caches in memory which clients are blocked."""

    def __init__(self, store: Store, secret: bytes, limits: LoginLimits) -> None:
        self._store = store
        self._key = derived(secret, "launcher login attempts")
        self._limits = limits
        self._blocked_until: TTLCache[str, float] = TTLCache(MAX_REMEMBERED, WINDOW_SECONDS)
        self._logged: TTLCache[str, bool] = TTLCache(MAX_REMEMBERED, WINDOW_SECONDS)
        self._slots: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

    def address(self, text: str) -> Address:
        """An address with its keyed hashes."""
        return Address(text, self._hash("passwords", text), self._hash("tokens", text))

    @asynccontextmanager
    async def password(self, name: str, address: Address, *, proved: bool) -> AsyncIterator[None]:
        """Wait until a password may be checked; raises TooManyRequests, HubUnavailable.

        A password that was right before (`proved`) is checked in spite of failures.
        """
        refuse = _refuse_none if proved else functools.partial(self._refuse_password, name)
        async with self._slot(address.passwords, PASSWORDS_AT_ONCE, refuse, address):
            yield

    @asynccontextmanager
    async def token(self, address: Address, *, proved: bool) -> AsyncIterator[None]:
        """Wait until a token may be checked, as `password` does."""
        refuse = _refuse_none if proved else self._refuse_token
        async with self._slot(address.tokens, TOKENS_AT_ONCE, refuse, address):
            yield

    @asynccontextmanager
    async def _slot(
        self, who: str, at_once: int, refuse: Callable[[Address], None], address: Address
    ) -> AsyncIterator[None]:
        refuse(address)
        slot = self._slots.get(who)
        if slot is None:
            slot = self._slots[who] = asyncio.Semaphore(at_once)
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await slot.acquire()
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
            slot.release()

    def _refuse_password(self, name: str, address: Address) -> None:
        for who in (address.passwords, self._hash_of_name(name, address)):
            if seconds := self._seconds_blocked(who):
                raise self._too_many_passwords(Refusal(who, seconds), name, address)

    def _refuse_token(self, address: Address) -> None:
        if seconds := self._seconds_blocked(address.tokens):
            raise self._too_many_tokens(seconds, address)

    async def begin(self, name: str, address: Address) -> None:
        """Count an attempt with a password before it is made; raises TooManyRequests."""
        refusal = await self._store.run(
            login_attempts.begin,
            self._hash_of_name(name, address),
            self._limits.passwords_of_name,
            address=address.passwords,
            address_limit=self._limits.passwords,
        )
        if refusal:
            self._block(refusal.who, refusal.seconds)
            raise self._too_many_passwords(refusal, name, address)

    async def right(self, name: str, address: Address) -> None:
        """Forget the attempts with this name: the password was right."""
        who = self._hash_of_name(name, address)
        await self._store.run(login_attempts.succeeded, who)
        self._blocked_until.pop(who, None)

    async def wrong(self, name: str, address: Address) -> None:
        """Log a wrong password, and count it for the address."""
        logs.audit("login_failed", user=name[:LOGGED_CHARACTERS], address=address.text)
        await self._fail(address.passwords, self._limits.passwords)

    async def undecided(self, name: str, address: Address) -> None:
        """Count a check that the hub did not finish, for the address only."""
        await self._store.run(login_attempts.retract, self._hash_of_name(name, address))
        await self._fail(address.passwords, self._limits.passwords)

    async def unknown_token(self, address: Address) -> None:
        """Count a token that the hub did not know."""
        await self._fail(address.tokens, self._limits.tokens)

    async def _fail(self, who: str, limit: int) -> None:
        self._block(who, await self._store.run(login_attempts.fail, who, limit))

    def _block(self, who: str, seconds: int) -> None:
        if seconds:
            self._blocked_until[who] = time.monotonic() + seconds

    def _seconds_blocked(self, who: str) -> int:
        return max(0, math.ceil(self._blocked_until.get(who, 0.0) - time.monotonic()))

    def _too_many_passwords(self, refusal: Refusal, name: str, address: Address) -> TooManyRequests:
        if not self._logged.get(refusal.who):
            self._logged[refusal.who] = True
            logs.audit("login_throttled", user=name[:LOGGED_CHARACTERS], address=address.text)
        whose = " from your address" if refusal.who == address.passwords else ""
        return _too_many(f"wrong passwords{whose}", refusal.seconds)

    def _too_many_tokens(self, seconds: int, address: Address) -> TooManyRequests:
        if not self._logged.get(address.tokens):
            self._logged[address.tokens] = True
            logs.audit("tokens_throttled", address=address.text)
        return _too_many("unknown tokens from your address", seconds)

    def _hash(self, *parts: str) -> str:
        return digest(self._key, *parts).hex()

    def _hash_of_name(self, name: str, address: Address) -> str:
        return self._hash("name", normalized(name), address.text)


def _refuse_none(_address: Address) -> None:
    pass


def _too_many(what: str, seconds: int) -> TooManyRequests:
    return TooManyRequests(
        f"There were too many {what}. Try again in {seconds} seconds.", retry_after=seconds
    )


def normalized(name: str) -> str:
    """Normalize a user name: names that a hub, PAM or LDAP may treat as one account become equal.

    JupyterHub converts to lower case and strips spaces; directories (RFC 4518) also ignore Unicode
    forms, invisible characters, spaces, and some of them accents.
    """
    letters = unicodedata.normalize("NFKD", name).casefold()
    letters = unicodedata.normalize("NFKD", letters).casefold()
    return "".join(c for c in letters if unicodedata.category(c)[0] not in "CMZ")
