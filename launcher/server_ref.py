"""A user's JupyterHub server as a value: its owner and its name."""

from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class ServerRef:
    """One server of a user; the default server has the empty name."""

    user: str
    name: str = ""

    @property
    def api_segments(self) -> tuple[str, ...]:
        """Its path in the hub's REST API, below `/hub/api`."""
        return ("users", self.user, *(("servers", self.name) if self.name else ("server",)))

    @property
    def url_segments(self) -> tuple[str, ...]:
        """Its path behind the hub's proxy, below the hub's base URL."""
        return ("user", self.user, *((self.name,) if self.name else ()))

    @property
    def access_scope(self) -> str:
        """The scope that opens this server and no other (JupyterHub, Scopes)."""
        return f"access:servers!server={self.user}/{self.name}"

    def __str__(self) -> str:
        return f"{self.user}/{self.name}"
