"""Serves a small atlas over OPeNDAP with pydap, says its address on a line, and waits for its end.

A program and not a function, as pydap imports what Python itself warns of.
"""

import wsgiref.simple_server

import numpy as np
from pydap.handlers.lib import BaseHandler
from pydap.model import BaseType, DatasetType


class QuietAnswers(wsgiref.simple_server.WSGIRequestHandler):
    """Answers for a WSGI application and keeps the tests' output clean."""

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


def atlas() -> DatasetType:
    """A dataset with a title, bounds, empty values, and more points than a first look takes."""
    lat, lon = np.linspace(-89.75, 89.75, 360), np.linspace(-179.75, 179.75, 720)
    wave = 15 + 14 * np.cos(np.radians(lat))[:, None] * (1 + 0.2 * np.sin(np.radians(3 * lon)))
    values = np.stack([wave + month for month in range(3)]).astype("float32")
    values[:, :20, :20] = np.nan
    bounds = np.stack([lat - 0.25, lat + 0.25], axis=1)
    dataset = DatasetType("atlas", title="Sea surface <b>temperature</b>, in $ and degrees")
    dataset["time"] = BaseType(
        "time", np.array([0, 31, 59]), dims=("time",), units="days since 2001-01-01"
    )
    dataset["lat"] = BaseType("lat", lat, dims=("lat",), units="degrees_north", bounds="lat_bnds")
    dataset["lon"] = BaseType("lon", lon, dims=("lon",), units="degrees_east")
    dataset["lat_bnds"] = BaseType("lat_bnds", bounds, dims=("lat", "edge"))
    about = {"units": "degC", "long_name": "sea surface temperature"}
    dataset["sst"] = BaseType("sst", values, dims=("time", "lat", "lon"), **about)
    return dataset


def main() -> None:
    """Serve until somebody ends us.

    Not from a netCDF file: of one, pydap 3.5.9 cannot give each second or third value.
    """
    server = wsgiref.simple_server.make_server(
        "127.0.0.1", 0, BaseHandler(atlas()), handler_class=QuietAnswers
    )
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
