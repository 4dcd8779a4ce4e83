# %% [markdown]
# # Three clicks to a hydrological experiment
#
# This notebook finds a model, a parameter set and forcing for a region and a period in
# [eWaterCycle](https://ewatercycle.readthedocs.io), runs the model day by day, and plots the
# discharge at the outlet of the region.
#
# The next cell contains the model, the region and the period. Change one and run the notebook
# again.

# %% tags=["parameters"]
setup = {
    "model": "wflow",
    "region": "donau",
    "period": {"start": "1990-01-01T00:00:00Z", "end": "1990-12-31T00:00:00Z"},
}

# %% [markdown]
# ## What this notebook needs
#
# eWaterCycle, which needs ESMValTool. Where it is missing, the next cell says how to install it.

# %%
from importlib.util import find_spec

if find_spec("ewatercycle") is None:
    raise ModuleNotFoundError(
        "This notebook needs ewatercycle. Install it with: pip install ewatercycle\n"
        "It works where ESMValTool is: conda install -c conda-forge esmvaltool-python"
    )

# %%
import html
import re
from pathlib import Path
from typing import get_args

import ewatercycle.forcing
import ewatercycle.models
import ewatercycle.parameter_sets
import matplotlib.pyplot as plt
import pandas as pd
import xarray as xr
from ewatercycle import CFG
from IPython.display import HTML, display

plt.rcParams["text.parse_math"] = False  # a "$" in a name is a "$"

# %% [markdown]
# ## The period
#
# In UTC, as eWaterCycle requires.

# %%
start, end = (pd.to_datetime(setup["period"][edge], utc=True) for edge in ("start", "end"))
if end < start:
    raise ValueError(f"The end of the period, {end}, lies before its start, {start}.")

period = {
    "start_time": start.strftime("%Y-%m-%dT%H:%M:%SZ"),
    "end_time": end.strftime("%Y-%m-%dT%H:%M:%SZ"),
}
period

# %% [markdown]
# ## The model
#
# Models are plugins of eWaterCycle. These are installed here:

# %%
ewatercycle.models.sources

# %% [markdown]
# The one with the wanted name is taken; upper and lower case, and signs such as `-`, do not matter.

# %%
plugins = {
    "hbv": "ewatercycle-hbv",
    "hype": "ewatercycle-hype",
    "leakybucket": "ewatercycle-leakybucket",
    "lisflood": "ewatercycle-lisflood",
    "marrmot": "ewatercycle-marrmot",
    "pcrglobwb": "ewatercycle-pcrglobwb",
    "wflow": "ewatercycle-wflow",
}


def plain(name):
    """The name in lower case, letters and digits only."""
    return re.sub(r"[\W_]", "", name.casefold())


def find_model(wanted):
    """The class of the model with that name."""
    for name in ewatercycle.models.sources:
        if plain(name) == plain(wanted):
            return ewatercycle.models.sources[name]
    plugin = plugins.get(plain(wanted))
    line = f"Install it with: pip install {plugin}" if plugin else "See the list above."
    raise LookupError(f"There is no model {wanted!r} here. {line}")


Model = find_model(setup["model"])
Model

# %% [markdown]
# ## The parameter set
#
# A parameter set fits if it was made for this model and has the name of the region. Rivers have
# names in several languages, and some of these are known here. What is configured on this machine
# goes first; after that come the examples of the plugins, which are downloaded.

# %%
same_rivers = [
    {"danube", "donau", "duna", "dunaj"},
    {"meuse", "maas"},
    {"rhine", "rhein", "rijn", "rhin"},
    {"scheldt", "schelde", "escaut"},
]
region = plain(setup["region"])
region_names = next((names for names in same_rivers if region in names), {region})


def is_of_region(name):
    """Whether one of the region's names is in this name."""
    return any(known in plain(name) for known in region_names)


def configured_sets():
    """The parameter sets that this machine has; there may be none."""
    try:
        return ewatercycle.parameter_sets.available_parameter_sets()
    except ValueError:  # how eWaterCycle says that there is none
        return {}


def find_parameter_set():
    """The first parameter set for the model and the region, present in the end on this machine."""
    here, examples = configured_sets(), ewatercycle.parameter_sets.example_parameter_sets()
    for name, found in {**here, **examples, **here}.items():  # here goes first
        if plain(found.target_model) == plain(Model.__name__) and is_of_region(name):
            if name not in here:
                found.download(CFG.parameterset_dir)
                ewatercycle.parameter_sets.add_to_config(found)
            return found
    names = ", ".join(sorted({*here, *examples})) or "none at all"
    missing = f"No parameter set of {Model.__name__} has the name {setup['region']!r}."
    raise LookupError(f"{missing} There are: {names}.")


# %% [markdown]
# Some models have none: all they need is in their forcing.

# %%
has_parameter_set = Model.model_fields["parameter_set"].annotation not in (None, type(None))
parameter_set = find_parameter_set() if has_parameter_set else None
print(parameter_set or f"{Model.__name__} has no parameter sets.")

# %% [markdown]
# ## The forcing
#
# Forcing is the weather that drives the model. Each model accepts its own kinds of it:

# %%
accepted = Model.model_fields["forcing"].annotation
kinds = [
    ewatercycle.forcing.sources[kind.__name__]
    for kind in get_args(accepted) or (accepted,)
    if kind is not None and kind.__name__ in ewatercycle.forcing.sources
]
kinds

# %% [markdown]
# Forcing that was prepared before is looked for in three directories: that of the parameter sets,
# that of the output of eWaterCycle, and `forcing` in your home. It fits when its folder bears the
# name of the region and it covers the period. Where nothing fits, the forcing that came with the
# parameter set is used.


# %%
def prepared():
    """The forcing of the model's kinds in every folder that has the name of the region."""
    for place in (CFG.parameterset_dir, CFG.output_dir, Path.home() / "forcing"):
        for description in sorted(Path(place).glob("*/ewatercycle_forcing.yaml")):
            if is_of_region(description.parent.name):
                yield from (kind.load(description.parent) for kind in kinds)


def covers(forcing):
    """Whether the forcing lasts for all of the period."""
    first = pd.to_datetime(forcing.start_time, utc=True)
    last = pd.to_datetime(forcing.end_time, utc=True)
    return first <= start and end <= last


forcing = next(filter(covers, prepared()), None)
print(forcing or "No forcing was prepared for this region and period.")
if forcing is None and parameter_set is None:
    raise LookupError(f"{Model.__name__} cannot run without forcing for {setup['region']!r}.")

# %% [markdown]
# Preparing forcing takes ESMValTool, a dataset such as ERA5 on this machine, the shape of the
# region, and time. A kind of forcing does it with `generate(dataset="ERA5", shape="region.shp",
# directory="forcing/region", **period)`.

# %% [markdown]
# ## Run the model
#
# The model is set up with what was found, and told the period when it can be. After each day the
# discharge is kept, everywhere in the region (8 bytes for a cell and a day). The model is stopped
# at the end, also when a step fails.


# %%
def discharge_among(names):
    """The output variable that holds the discharge; models differ in what they call it."""
    for word in ("discharge", "riverrunoff", "streamflow", "fluxoutq", "runoff", "outflow"):
        for name in names:
            if word in plain(name):
                return name
    raise LookupError(f"None of these looks like discharge: {', '.join(names)}")


def run_a_day(model):
    """Step the model until its day is over."""
    day = model.time_as_datetime.date()
    while model.time < model.end_time and model.time_as_datetime.date() == day:
        model.update()


# %%
found = {"parameter_set": parameter_set, "forcing": forcing}
model = Model(**{name: value for name, value in found.items() if value is not None})
can_be_set = dict(model.parameters)
config_file, run_directory = model.setup(
    **{name: value for name, value in period.items() if name in can_be_set}
)

fields = []
try:
    model.initialize(config_file)
    variable = discharge_among(model.output_var_names)
    while model.time < model.end_time:
        run_a_day(model)
        fields.append(model.get_value_as_xarray(variable))
finally:
    model.finalize()
print(f"{len(fields)} days. The model ran in {run_directory}.")

# %% [markdown]
# ## Where the water leaves
#
# Rivers grow on their way, so that the outlet is where the mean discharge is largest.

# %%
discharge = xr.concat(fields, "time")
mean = discharge.mean("time", keep_attrs=True)
outlet = mean.argmax(["latitude", "longitude"])
at_outlet = discharge.isel(outlet)
latitude, longitude = float(at_outlet.latitude), float(at_outlet.longitude)

title = f"{variable} of {Model.__name__} in {setup['region']}"
display(HTML(f"<h3>{html.escape(title)}</h3>"))
print(f"The outlet lies at latitude {latitude:.3f}, longitude {longitude:.3f}.")

# %%
if min(mean.shape) > 1:
    axes = plt.figure(figsize=(9, 5)).add_subplot()
    mean.plot(ax=axes)
    axes.plot(longitude, latitude, "rx", markersize=10)
    axes.set_title(f"{title}, mean over the period")
    plt.show()
else:
    print("This model has no map: its region is one place.")

# %% [markdown]
# ## Discharge at the outlet

# %%
axes = plt.figure(figsize=(9, 4)).add_subplot()
at_outlet.plot(ax=axes)
days = [str(day)[:10] for day in at_outlet.time.values[[0, -1]]]
axes.set_title(f"{title}, at the outlet, {days[0]} to {days[1]}")
axes.grid(alpha=0.3)
plt.show()

# %% [markdown]
# ## Go on from here
#
# - `discharge` has all days and places: `discharge.sel(latitude=48, longitude=16,
#   method="nearest")` is one place.
# - `discharge.to_netcdf("discharge.nc")` keeps it.
# - The period that was run is that of the plot. Where it is not the one that was asked for, this
#   model's period comes from its parameter set.
