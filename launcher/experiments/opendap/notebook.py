# %% [markdown]
# # A first look at a dataset on an OPeNDAP server
#
# The dataset stays where it is. This notebook opens it with
# [xarray](https://docs.xarray.dev), shows what is in it, and plots one variable, coarsely.
# Only the values that the plot needs travel over the network.
#
# The next cell says which dataset. Change the address and run the notebook again to look at
# another one.

# %% tags=["parameters"]
opendap = "https://thredds-test.unidata.ucar.edu/thredds/dodsC/satellite/goes16/agg/conus/01"

# %% [markdown]
# ## What this notebook needs
#
# xarray and matplotlib, and netCDF4, which supports OPeNDAP. If one is missing, the next cell
# prints how to install it.

# %%
from importlib.util import find_spec


def need(**packages):
    """Stop with the line that installs what is missing; each argument is module="package"."""
    missing = [package for module, package in packages.items() if find_spec(module) is None]
    if missing:
        names = " and ".join(missing)
        line = f"pip install {' '.join(missing)}"
        raise ModuleNotFoundError(f"This notebook needs {names}. Install it with: {line}")


need(xarray="xarray", netCDF4="netCDF4", matplotlib="matplotlib")

# %%
from html import escape
from string import punctuation
from textwrap import fill
from urllib.parse import quote

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from IPython.display import HTML, display

plt.rcParams["text.parse_math"] = False  # a "$" in a title of the data is a "$"

# %% [markdown]
# ## Open it
#
# This reads the names, shapes and attributes of the variables, and not yet their values.

# %%
if not opendap.lower().startswith(("http://", "https://")):
    raise ValueError(f"An OPeNDAP address begins with http:// or https://, not so {opendap!r}.")

# netCDF takes the scheme in lower case, and an address in ASCII
scheme, rest = opendap.split("://", 1)
address = f"{scheme.lower()}://{quote(rest, safe=punctuation)}"

dataset = xr.open_dataset(address, engine="netcdf4", decode_timedelta=False)
title = str(dataset.attrs.get("title") or opendap)
display(HTML(f"<h3>{escape(title)}</h3>"))
dataset

# %% [markdown]
# ## Choose a variable
#
# The first variable with numbers on a map (two dimensions or more) is taken; where there is no such
# variable, the first with numbers along one dimension. Bounds of cells are skipped.


# %%
def is_plottable(variable):
    """Whether these are numbers, and more than one."""
    return np.issubdtype(variable.dtype, np.number) and variable.size > 1


bounds = {dataset[name].attrs.get("bounds") for name in dataset.variables}
names = [name for name, variable in dataset.data_vars.items() if is_plottable(variable)]
names = [name for name in names if name not in bounds]
if not names:
    raise LookupError("This dataset contains no variable with numbers that could be plotted.")

on_a_map = [name for name in names if sum(size > 1 for size in dataset[name].shape) > 1]
variable = dataset[(on_a_map or names)[0]]
variable

# %% [markdown]
# ## Take a coarse piece of it
#
# Of a map, at most 300 points each way are read; along other dimensions, such as time or height,
# the first position. The server picks these values out, so that the rest is never sent.

# %%
most = 300
across = [dim for dim in variable.dims if variable.sizes[dim] > 1][-2:]
steps = {dim: slice(None, None, -(-variable.sizes[dim] // most)) for dim in across}
firsts = {dim: 0 for dim in variable.dims if dim not in across}

piece = variable.isel(**steps, **firsts).load()
print(f"Read {piece.nbytes / 1e6:,.2f} MB of {variable.nbytes / 1e6:,.2f} MB.")

# %% [markdown]
# ## Plot it

# %%
axes = plt.figure(figsize=(9, 5)).add_subplot()
piece.plot(ax=axes)
axes.set_title(f"{fill(title, 80)}\n{axes.get_title()}")
plt.show()

# %% [markdown]
# ## Go on from here
#
# - `dataset["name"]` is another variable.
# - `variable.sel(time="2020-01-01")` is one day of it, and
#   `variable.sel(lat=52, lon=5, method="nearest").plot()` one place.
# - `.load()` fetches values; ask for a piece first, and for the piece's `nbytes` before you load
#   it.
