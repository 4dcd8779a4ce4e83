"""Docker: has its place here, and refuses each specification until it is built."""

from launcher.jupyterhub.adapters import Adapter

adapter = Adapter("dockerspawner.dockerspawner.DockerSpawner")
