"""Saves that wait to be counted: users take turns."""

import asyncio

# of one user; further ones are found when a worker looks for what was left
MOST_OF_ONE = 20
MOST = 10_000


class WaitingSaves:
    """The ids of saves that wait in one worker, the last one of each notebook."""

    def __init__(self) -> None:
        self._of: dict[str, dict[str, int]] = {}
        """By user and path. The user who comes first is the next."""
        self._some = asyncio.Event()

    def put(self, save_id: int, user: str, path: str) -> None:
        """Add a save, in place of an earlier one of the same notebook; it may be left out."""
        paths = self._of.get(user, {})
        if path not in paths and (len(paths) >= MOST_OF_ONE or len(self) >= MOST):
            return
        self._of.setdefault(user, paths)[path] = max(save_id, paths.get(path, 0))
        self._some.set()

    async def take(self) -> int:
        """The next save, once there is one."""
        await self._some.wait()
        user = next(iter(self._of))
        paths = self._of.pop(user)
        save_id = paths.pop(next(iter(paths)))
        if paths:
            self._of[user] = paths
        if not self._of:
            self._some.clear()
        return save_id

    def __len__(self) -> int:
        return sum(map(len, self._of.values()))
