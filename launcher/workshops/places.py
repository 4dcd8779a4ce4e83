"""Bounds what one user does at the same time, in one worker."""

from weakref import WeakSet

from launcher.errors import TooManyRequests


class HeldPlace:
    """Held while something is done for a user, and free as soon as nobody holds it."""

    def __init__(self, user: str) -> None:
        self.user = user


class Places:
    """At most so many at the same time of each user."""

    def __init__(self, most: int, sentence: str) -> None:
        """`sentence` is for who has all places."""
        self._most = most
        self._sentence = sentence
        self._taken: WeakSet[HeldPlace] = WeakSet()

    def take(self, user: str) -> HeldPlace:
        """A place for a user; raises TooManyRequests."""
        if sum(each.user == user for each in self._taken) >= self._most:
            raise TooManyRequests(self._sentence, retry_after=10)
        place = HeldPlace(user)
        self._taken.add(place)
        return place

    def free(self, place: HeldPlace) -> None:
        """Give a place back; one that is lost is free by itself."""
        self._taken.discard(place)
