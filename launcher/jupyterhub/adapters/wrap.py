"""wrapspawner: the child is made first, and then set; a profile's own settings would win."""

from typing import Any

from launcher.jupyterhub.adapters import Adapter


class WrapAdapter(Adapter):
    """Finds the spawner that the chosen profile stands for."""

    keeps_output = True

    def target(self, spawner: Any) -> Any:
        """The child, made now; the shared configuration of its profile is not changed."""
        # ProfilesSpawner returns nothing here
        spawner.construct_child()
        return spawner.child_spawner


adapter = WrapAdapter("wrapspawner.wrapspawner.WrapSpawner")
