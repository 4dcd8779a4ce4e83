"""The small data that the notebooks read in the tests."""

from pathlib import Path

import numpy as np
import xarray as xr

DAYS = np.arange("2000-01-01", "2000-02-10", dtype="datetime64[D]").astype("datetime64[ns]")


def rain(lat: int = 1, lon: int = 1) -> xr.Dataset:
    """Forty days of rain on a grid, in the units of the leaky bucket: kg m-2 s-1."""
    day, y, x = np.meshgrid(np.arange(DAYS.size), np.arange(lat), np.arange(lon), indexing="ij")
    values = 2e-7 * (1 + np.sin(day / 4 + x / 2) ** 2) * (1 + y / 3)
    coordinates = {
        "time": DAYS,
        "lat": ("lat", 50 + 0.5 * np.arange(lat), {"units": "degrees_north"}),
        "lon": ("lon", 6 + 0.5 * np.arange(lon), {"units": "degrees_east"}),
    }
    about = {"units": "kg m-2 s-1", "long_name": "precipitation"}
    return xr.Dataset({"pr": (("time", "lat", "lon"), values, about)}, coordinates)


def write_lumped_rain(path: Path) -> None:
    """Rain as the leaky bucket of PyPI wants it: a series, with the place as a scalar."""
    rain().isel(lat=0, lon=0).to_netcdf(path)


def write_rain(path: Path) -> None:
    """Rain on a grid of six rows and eight columns."""
    rain(lat=6, lon=8).to_netcdf(path)


def discharge(index: int, leakiness: float = 0.1) -> np.ndarray:
    """What a leaky bucket with the rain of that cell lets out on each day but the last."""
    storage, out = 0.0, []
    for fallen in rain(lat=6, lon=8)["pr"].values.reshape(DAYS.size, -1)[:-1, index] * 86400:
        out.append((storage + fallen) * leakiness)
        storage = (storage + fallen) * (1 - leakiness)
    return np.array(out)


GRDC_HEAD = """\
# Title:                 GRDC STATION DATA FILE
#                        --------------
# Format:                DOS-ASCII
# Field delimiter:       ;
# missing values are indicated by -999.000
#
# file generation date:  2024-06-21
#
# GRDC-No.:              6970500
# River:                 BUCKET RIVER
# Station:               SPILLWAY
# Country:               NL
# Latitude (DD):         52.000000
# Longitude (DD):        6.000000
# Catchment area (km\xb2):     1234.0
# Altitude (m ASL):      8.0
# Next downstream station:      -
# Remarks:
# Owner of original data: Nobody
#************************************************************
#
# Data Set Content:      MEAN DAILY DISCHARGE (Q)
#                        --------------------
# Unit of measure:                  m\xb3/s
# Time series:           2000-01 - 2000-02
# No. of years:          1
# Last update:           2024-06-21
#
# Table Header:
#     YYYY-MM-DD - Date
#     hh:mm      - Time
#     Value   - original (provided) data
#************************************************************
#
# Data lines: 40
# DATA
YYYY-MM-DD;hh:mm; Value
"""


def write_grdc(directory: Path) -> None:
    """A station's file in the export format of GRDC, with one day missing."""
    values = 0.02 + 0.01 * np.sin(np.arange(DAYS.size) / 4) ** 2
    values[7] = -999
    days = DAYS.astype("datetime64[D]")
    lines = [f"{day};--:--; {value:10.3f}" for day, value in zip(days, values, strict=True)]
    text = GRDC_HEAD + "\n".join(lines) + "\n"
    (directory / "6970500_Q_Day.Cmd.txt").write_bytes(text.encode("cp1252"))


WATERML = """\
<timeSeriesResponse xmlns="http://www.cuahsi.org/waterML/1.1/">
  <queryInfo><criteria MethodCalled="x"/></queryInfo>
  <timeSeries>
    <sourceInfo>
      <siteName>Bucket Creek near Spillway</siteName>
      <siteCode network="NWIS">03109500</siteCode>
      <geoLocation>
        <geogLocation srs="EPSG:4326">
          <latitude>40.7</latitude><longitude>-80.5</longitude>
        </geogLocation>
      </geoLocation>
    </sourceInfo>
    <variable>
      <variableCode>00060</variableCode>
      <variableName>Streamflow, ft3/s</variableName>
      <unit><unitCode>ft3/s</unitCode></unit>
    </variable>
    <values>
      {values}
    </values>
  </timeSeries>
</timeSeriesResponse>
"""


def cubic_feet(day: int) -> float:
    """What the station of USGS observed on a day, in cubic feet a second."""
    return 1.0 + day % 3


def waterml() -> str:
    """What USGS answers: two values a day, in WaterML 1.1."""
    values = [
        f'<value dateTime="{date}T{hour}:00:00.000Z">{cubic_feet(day) + change}</value>'
        for day, date in enumerate(DAYS.astype("datetime64[D]"))
        for hour, change in (("06", -0.5), ("18", 0.5))
    ]
    return WATERML.format(values="\n      ".join(values))
