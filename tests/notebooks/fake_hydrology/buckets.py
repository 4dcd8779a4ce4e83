"""The leaky bucket of PyPI, once per cell of a grid, configured in INI, YAML or TOML.

Water and time are the package's own; only what it reads its configuration from, and the shape of
its values, are other. Every cell has a bucket; the last one has no value, as cells at sea.
"""

import configparser
import json
import os
import tempfile
from typing import Any

import numpy as np
import tomlkit
import yaml
from leakybucket.leakybucket_bmi import LeakyBucketBmi


class Buckets(LeakyBucketBmi):
    """A grid of leaky buckets. The configuration says where the rain is, and how they leak."""

    def initialize(self, config_file: str) -> None:
        """Read the configuration, and start the buckets with it."""
        section = self.read(config_file)
        settings = {
            "precipitation_file": section["rain_file"],
            "leakiness": float(section["leakiness"]),
        }
        self.fails_at = int(section.get("fails_at") or -1)
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(settings, file)
            file.flush()
            super().initialize(file.name)
        os.makedirs(section["output_dir"], exist_ok=True)
        self.report = os.path.join(section["output_dir"], "report.txt")

    def read(self, config_file: str) -> dict[str, Any]:
        """The settings of the buckets."""
        raise NotImplementedError

    def update(self) -> None:
        """One step, unless the configuration wants it to fail."""
        if self.current_timestep == self.fails_at:
            raise RuntimeError("the bucket has a hole")
        super().update()

    def finalize(self) -> None:
        """Leave a note that the model was stopped."""
        with open(self.report, "w", encoding="utf-8") as file:
            file.write(f"stopped at step {self.current_timestep}\n")

    def get_var_units(self, var_name: str) -> str:
        """The unit that observed discharge has too."""
        super().get_var_units(var_name)
        return "m3 s-1"

    def get_value(self, var_name: str, dest: np.ndarray) -> np.ndarray:
        """All cells, row by row."""
        dest[:] = np.ravel(self.discharge if var_name == "discharge" else self.storage)
        dest[-1] = -999
        return dest

    def get_value_at_indices(self, name: str, dest: np.ndarray, inds: np.ndarray) -> np.ndarray:
        """Some cells."""
        dest[:] = self.get_value(name, np.empty(self.get_grid_size(0)))[inds]
        return dest

    def get_grid_shape(self, grid: int, shape: np.ndarray) -> np.ndarray:
        """Rows and columns."""
        shape[:] = self.precipitation.shape[1:]
        return shape

    def get_grid_size(self, grid: int) -> int:
        """How many cells there are."""
        return int(self.precipitation[0].size)

    def get_var_nbytes(self, name: str) -> int:
        """Eight bytes a cell."""
        return 8 * self.get_grid_size(0)


class IniBuckets(Buckets):
    """Configured in the section `buckets` of an INI file."""

    def read(self, config_file: str) -> dict[str, Any]:
        """The one section."""
        parser = configparser.ConfigParser()
        parser.read(config_file)
        return dict(parser["buckets"])


class YamlBuckets(Buckets):
    """Configured in YAML."""

    def read(self, config_file: str) -> dict[str, Any]:
        """The whole file."""
        with open(config_file, encoding="utf-8") as file:
            return yaml.safe_load(file)


class TomlBuckets(Buckets):
    """Configured in TOML."""

    def read(self, config_file: str) -> dict[str, Any]:
        """The whole file."""
        with open(config_file, encoding="utf-8") as file:
            return tomlkit.load(file).unwrap()


class PcrGlobwbBuckets(Buckets):
    """Told its directories as PCR-GLOBWB is, in `globalOptions`."""

    def read(self, config_file: str) -> dict[str, Any]:
        """The input and output directory, from names with upper case letters in them."""
        parser = configparser.ConfigParser()
        parser.optionxform = str  # type: ignore[assignment, method-assign]
        parser.read(config_file)
        options = parser["globalOptions"]
        rain_file = os.path.join(options["inputDir"], "rain.nc")
        return {"rain_file": rain_file, "leakiness": 0.1, "output_dir": options["outputDir"]}


class WflowBuckets(Buckets):
    """Told its directory as wflow is: by where its configuration lies."""

    def read(self, config_file: str) -> dict[str, Any]:
        """The folder of the configuration, which has to name itself."""
        parser = configparser.ConfigParser()
        parser.read(config_file)
        if parser["model"]["configfile"] != config_file:
            raise ValueError("the configuration does not name itself")
        folder = os.path.dirname(config_file)
        rain_file = os.path.join(folder, "rain.nc")
        return {"rain_file": rain_file, "leakiness": 0.1, "output_dir": folder}


class WalrusBuckets(YamlBuckets):
    """Told its one file as Walrus is, in `data`."""

    def read(self, config_file: str) -> dict[str, Any]:
        """The file, and a folder to write in."""
        rain_file = super().read(config_file)["data"]
        folder = os.path.dirname(config_file)
        return {"rain_file": rain_file, "leakiness": 0.1, "output_dir": folder}
