"""A plugin of ewatercycle: the leaky bucket of PyPI on a grid, run in this process."""

from pathlib import Path
from typing import Any

import xarray as xr
import yaml
from buckets import YamlBuckets
from ewatercycle.base.forcing import DefaultForcing
from ewatercycle.base.model import LocalModel
from ewatercycle.base.parameter_set import ParameterSet
from ewatercycle.util import get_time


class RainForcing(DefaultForcing):
    """Rain, in a netCDF file."""


class Buckets(LocalModel):
    """Buckets whose leak is in the parameter set, and whose rain is there or in the forcing."""

    bmi_class: type = YamlBuckets
    parameter_set: ParameterSet
    forcing: RainForcing | None = None

    @property
    def parameters(self) -> Any:
        """What setup takes."""
        return {"start_time": "", "end_time": ""}.items()

    def _make_cfg_file(self, start_time: str, end_time: str) -> Path:
        """The configuration, with the rain of the period beside it."""
        config = yaml.safe_load(self.parameter_set.config.read_text())
        source = self.forcing["pr"] if self.forcing else self.parameter_set.directory / "rain.nc"
        first, last = (get_time(time).replace(tzinfo=None) for time in (start_time, end_time))
        with xr.open_dataset(source) as rain:
            rain.sel(time=slice(first, last)).to_netcdf(self._cfg_dir / "rain.nc")
        config |= {"rain_file": str(self._cfg_dir / "rain.nc"), "output_dir": str(self._cfg_dir)}
        path = self._cfg_dir / "config.yaml"
        path.write_text(yaml.safe_dump(config))
        return path
