# %% [markdown]
# # Run a model through its Basic Model Interface
#
# This notebook gets the input of a model, points the model's configuration to it, and runs the
# model in its container. The notebook calls the model through the [Basic Model
# Interface](https://bmi.csdms.io) (BMI), the same for every model, by
# [grpc4bmi](https://grpc4bmi.readthedocs.io).
#
# The next cell says which model, which data files, which configuration, and what to plot. Change it
# and run the notebook again for another experiment.

# %% tags=["parameters"]
setup = {
    "model": {"grpc4bmi_container": "ewatercycle/pcrg-grpc4bmi:latest"},
    "datafiles": {
        "format": "svn",
        "url": "https://github.com/UU-Hydro/PCR-GLOBWB_input_example/trunk/RhineMeuse30min",
    },
    "config": {
        "format": "ini",
        "url": "https://raw.githubusercontent.com/UU-Hydro/PCR-GLOBWB_input_example/master/"
        "RhineMeuse30min/ini_and_batch_files/rapid/setup_natural_test.ini",
    },
    "plotting": {"variable": "discharge", "index": 86},
}

# %% [markdown]
# ## What this notebook needs
#
# If a package is missing, the next cell prints how to install it.

# %%
from importlib.util import find_spec


def need(**packages):
    """Stop with the line that installs what is missing; each argument is module="package"."""
    missing = [package for module, package in packages.items() if find_spec(module) is None]
    if missing:
        names = " and ".join(missing)
        line = f"pip install {' '.join(missing)}"
        raise ModuleNotFoundError(f"This notebook needs {names}. Install it with: {line}")


need(grpc4bmi="grpc4bmi", matplotlib="matplotlib", xarray="xarray")
if setup["config"]["format"] == "yaml":
    need(yaml="PyYAML")
if setup["config"]["format"] == "toml":
    need(tomlkit="tomlkit")  # Python by itself does not write TOML

# %%
import configparser
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit
from urllib.request import urlopen

import grpc
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import xarray as xr
from grpc4bmi.bmi_grpc_client import BmiClient
from IPython.display import ProgressBar

plt.rcParams["text.parse_math"] = False  # a "$" in a name is a "$"

# %% [markdown]
# ## A folder for this run
#
# Everything that this run fetches and writes goes into a new folder beside the notebook.

# %%
run_directory = Path(tempfile.mkdtemp(prefix="run-", dir=Path.cwd()))
output_directory = run_directory / "output"
output_directory.mkdir()
print(f"The folder of this run: {run_directory}")

# %% [markdown]
# ## Get the data files
#
# Five ways lead to data files: a Subversion or git repository, a zip or tar archive, and a single
# file over http. First, what they have in common.


# %%
def web_address(url):
    """The address, when it is one on the web: no local file, no option of a command."""
    if not re.fullmatch(r"https?://\S+", url, re.IGNORECASE):
        raise ValueError(f"{url!r} is not an address that begins with http:// or https://.")
    scheme, rest = url.split("://", 1)
    return f"{scheme.lower()}://{rest}"


def download(url, path):
    """Write what is at the address into a file."""
    with urlopen(web_address(url), timeout=60) as answer, path.open("wb") as file:
        shutil.copyfileobj(answer, file)


def run(*command, said=""):
    """Run a command without a shell, and when it fails, stop with what it complained of."""
    environment = {**os.environ, "GIT_TERMINAL_PROMPT": "0"}
    done = subprocess.run(command, input=said, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise RuntimeError(f"{command[0]} could not do it: {done.stderr.strip()}")


def need_command(name, package):
    """Stop with the line that installs a command which is missing."""
    if shutil.which(name) is None:
        line = f"conda install -c conda-forge {package}"
        raise FileNotFoundError(f"This step needs the command {name}. Install it with: {line}")


# %% [markdown]
# Of a git repository the newest commit is enough, and of that the folder that was asked for. A
# server that cannot give so little (a plain file server) gives all of it.


# %%
def fetch_git(url, directory, folder="", branch=""):
    """Clone a repository, or one folder of it, and return where its files are."""
    need_command("git", "git")
    clone = ["git", "clone", "--quiet", *([f"--branch={branch}"] if branch else [])]
    sparse = ["--sparse", "--filter=blob:none"] if folder else []
    try:
        run(*clone, "--depth=1", *sparse, "--", url, str(directory))
    except RuntimeError:
        run(*clone, *sparse[:1], "--", url, str(directory))
    if folder:
        run("git", "-C", str(directory), "sparse-checkout", "set", "--stdin", said=folder)
    return inside(directory, folder)


def inside(directory, name):
    """The path of that name below the directory, never outside of it."""
    path = (directory / name).resolve()
    if not path.is_relative_to(directory.resolve()):
        raise ValueError(f"{name!r} lies outside the data files.")
    return path


# %% [markdown]
# GitHub no longer supports Subversion. What such an address of GitHub names, with `trunk`,
# `branches` or `tags` in it, is a folder of a git repository, and is fetched with git.

# %%
github_svn = re.compile(
    r"(?P<repository>https?://github\.com/[^/]+/[^/]+)"
    r"(/(trunk|(branches|tags)/(?P<branch>[^/]+))(/(?P<folder>.*))?)?/?",
    re.IGNORECASE,
)


def fetch_svn(url, directory):
    """Export a folder of a Subversion repository, and return where its files are."""
    on_github = github_svn.fullmatch(url)
    if on_github:
        parts = on_github.groupdict(default="")
        folder = unquote(parts["folder"]).strip("/")
        return fetch_git(parts["repository"], directory, folder, unquote(parts["branch"]))
    need_command("svn", "subversion")
    # The @ at the end lets svn take any other @ in the address as it is
    run("svn", "export", "--quiet", "--non-interactive", f"{url}@", str(directory))
    return directory


# %% [markdown]
# An archive is unpacked only when all of it stays in its folder. When it holds nothing but one
# folder, that folder has the data files.


# %%
def fetch_zip(url, directory):
    """Download and unpack a zip archive, and return where its files are."""
    download(url, run_directory / "datafiles.zip")
    with zipfile.ZipFile(run_directory / "datafiles.zip") as archive:
        for name in archive.namelist():
            inside(directory, name)
        archive.extractall(directory)
    return only_folder(directory)


def fetch_tar(url, directory):
    """Download and unpack a tar archive, compressed or not, and return where its files are."""
    download(url, run_directory / "datafiles.tar")
    with tarfile.open(run_directory / "datafiles.tar") as archive:
        for member in archive:
            if member.isfile():  # links could lead elsewhere
                path = inside(directory, member.name)
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("wb") as file:
                    shutil.copyfileobj(archive.extractfile(member), file)
    return only_folder(directory)


def only_folder(directory):
    """The folder in the directory, when that is all there is, else the directory."""
    found = list(directory.iterdir())
    return found[0] if len(found) == 1 and found[0].is_dir() else directory


def fetch_http(url, directory):
    """Download one file, under the name it has in the address."""
    directory.mkdir()
    name = PurePosixPath(unquote(urlsplit(url).path)).name
    download(url, inside(directory, name if name.strip(".") else "data"))
    return directory


# %% [markdown]
# Now fetch them.

# %%
fetch = {
    "svn": fetch_svn,
    "git": fetch_git,
    "zip": fetch_zip,
    "tar": fetch_tar,
    "http": fetch_http,
}[setup["datafiles"]["format"]]
input_directory = fetch(web_address(setup["datafiles"]["url"]), run_directory / "input")

found = [path for path in input_directory.rglob("*") if path.is_file()]
data_files = [path for path in found if ".git" not in path.relative_to(input_directory).parts]
if not data_files:
    raise FileNotFoundError(f"There are no data files at {setup['datafiles']['url']}.")
print(f"{len(data_files)} data file{'s' * (len(data_files) != 1)} in {input_directory}")

# %% [markdown]
# ## Get the configuration
#
# Whatever its format, the configuration becomes a dictionary here.


# %%
def ini_parser():
    """A parser that leaves names and values as they are."""
    parser = configparser.ConfigParser(
        interpolation=None, strict=False, allow_no_value=True, default_section=""
    )
    parser.optionxform = str  # else all names would become lower case
    return parser


def read_ini(text):
    """The sections of an INI file."""
    parser = ini_parser()
    parser.read_string(text)
    return {section: dict(parser[section]) for section in parser.sections()}


def read_yaml(text):
    """The content of a YAML file, plain values only."""
    import yaml

    return yaml.safe_load(text)


def read_toml(text):
    """The content of a TOML file."""
    import tomlkit

    return tomlkit.parse(text).unwrap()


read = {"ini": read_ini, "yaml": read_yaml, "json": json.loads, "toml": read_toml}

config_format = setup["config"]["format"]
download(setup["config"]["url"], run_directory / "config.original")
config = read[config_format]((run_directory / "config.original").read_text(encoding="utf-8"))
config

# %% [markdown]
# ## Point the configuration to the input
#
# Each model has its own setting for the input path. The notebook sets it for three models:
#
# - PCR-GLOBWB has an input and an output directory in its `globalOptions`,
# - wflow needs its configuration among the data files, and its path in `model.configfile`,
# - Walrus reads one file, named in `data`.


# %%
def point_pcr_globwb(config):
    """Name the directories in the section for it."""
    options = config.setdefault("globalOptions", {})
    options |= {"inputDir": str(input_directory), "outputDir": str(output_directory)}
    return run_directory / f"config.{config_format}"


def point_wflow(config):
    """Lay the configuration beside the static maps, where wflow looks for them."""
    config_file = input_directory / f"wflow_launched.{config_format}"
    config.setdefault("model", {})["configfile"] = str(config_file)
    return config_file


def point_walrus(config):
    """Name the one file that contains rain, evaporation and discharge."""
    named = [path for path in data_files if path.name == PurePosixPath(config["data"]).name]
    if not named and len(data_files) != 1:
        raise FileNotFoundError(f"The data files hold no {config['data']!r}, which Walrus reads.")
    config["data"] = str((named or data_files)[0])
    return run_directory / f"config.{config_format}"


# %% [markdown]
# For any other model a rule has to do. An entry called `input_dir` or `output_dir` (or `inputDir`,
# `output-directory`, and so on) gets that directory, and an entry that names one of the data files
# gets the full path of that file. If your model needs something else, change `config` before it
# is written.


# %%
def point_by_rule(config):
    """Point every entry that the rule is about."""
    config.update(pointed(config))
    return run_directory / f"config.{config_format}"


def pointed(value, name=""):
    """A copy of the value, or of all values in it, with directories and data files in full."""
    if isinstance(value, dict):
        return {inner: pointed(value[inner], str(inner)) for inner in value}
    if isinstance(value, list):
        return [pointed(inner, name) for inner in value]
    role = re.sub(r"[-_]|ectory$", "", name.casefold())
    if role in ("inputdir", "outputdir"):
        return str(input_directory if role == "inputdir" else output_directory)
    return full_path.get(os.path.normpath(value), value) if isinstance(value, str) else value


full_path = {str(path.relative_to(input_directory)): str(path) for path in data_files}

# %% [markdown]
# Now change the configuration.

# %%
model_name = setup["model"].get("name", "")
point = {
    "pcr-globwb": point_pcr_globwb,
    "wflow": point_wflow,
    "walrus": point_walrus,
}.get(model_name.casefold(), point_by_rule)
config_file = point(config)
config

# %% [markdown]
# What the configuration says now is written, in its own format, to where the model will read it.


# %%
def write_config(file):
    """Write the configuration in its own format."""
    if config_format == "ini":
        parser = ini_parser()
        parser.read_dict(config)
        parser.write(file)
    elif config_format == "yaml":
        import yaml

        yaml.safe_dump(config, file, sort_keys=False)
    elif config_format == "toml":
        import tomlkit

        tomlkit.dump(config, file)
    else:
        json.dump(config, file, indent=2)


with config_file.open("w", encoding="utf-8") as file:
    write_config(file)
print(f"The model's configuration: {config_file}")

# %% [markdown]
# ## How the model is started and stopped
#
# A model in a container image is started with Docker, or with Apptainer where Docker does not
# answer. An image called `python:package.module.Class` stands for a BMI class that is installed
# here, and runs as a process of its own. In all three cases the model may write in the folder of
# this run, and is given up when it does not answer in a few minutes.


# %%
def start_model(image):
    """Start the model's process or container, and return the client that calls it."""
    if image.startswith("python:"):
        return start_process(image.removeprefix("python:"))
    if docker_answers():
        from grpc4bmi.bmi_client_docker import BmiClientDocker

        return BmiClientDocker(image=image, work_dir=str(run_directory), timeout=300)
    if shutil.which("apptainer"):
        from grpc4bmi.bmi_client_apptainer import BmiClientApptainer

        return BmiClientApptainer(apptainer_name(image), work_dir=str(run_directory), timeout=300)
    raise FileNotFoundError(
        "This model comes in a container image, and neither Docker nor Apptainer can run it. "
        "Install Apptainer with: conda install -c conda-forge apptainer"
    )


def docker_answers():
    """Whether there is a Docker daemon that we may speak to."""
    import docker

    try:
        return docker.from_env(timeout=10).ping()
    except docker.errors.DockerException:
        return False


def apptainer_name(image):
    """An image file or address as it is, and any other name as one on Docker Hub."""
    return image if image.endswith(".sif") or "://" in image else f"docker://{image}"


# %% [markdown]
# A process of its own keeps the model apart from this notebook, as a container does.


# %%
def start_process(name):
    """Serve an installed BMI class from a process of its own."""
    module = name.rpartition(".")[0]
    if not re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)+", name):
        raise ValueError(f"{name!r} is not of the form package.module.Class.")
    if find_spec(module.partition(".")[0]) is None or find_spec(module) is None:
        raise ModuleNotFoundError(f"The model's module {module} is not installed here.")
    port = BmiClient.get_unique_port("localhost")
    # By module: the package remotebmi, which ewatercycle brings, also has a command run-bmi-server
    server = [sys.executable, "-m", "grpc4bmi.run_server", "--name", name, "--port", str(port)]
    return connect(subprocess.Popen(server), port)


def connect(process, port):
    """The client of a process that serves a model on the port, as soon as that answers."""
    give_up = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < give_up:
        try:
            model = BmiClient(BmiClient.create_grpc_channel(port, "localhost"), timeout=1)
        except grpc.FutureTimeoutError:
            continue
        model.process = process
        return model
    process.kill()
    raise RuntimeError("The model's process did not come up; what it wrote is above.")


# %% [markdown]
# Stopping must work also when the model has failed and can no longer tidy up.


# %%
def stop_model(model):
    """Let the model tidy up if it can, then end its process or container."""
    try:
        model.finalize()
    except grpc.RpcError as error:
        print(f"The model did not tidy up: {error}")
    finally:
        end_server(model)


def end_server(model):
    """End what the client has started: a process, a Docker or an Apptainer container."""
    if hasattr(model, "process"):
        model.process.kill()
        model.process.wait()
    elif isinstance(model.container, subprocess.Popen):
        model.container.terminate()
        model.container.wait()
    else:
        model.container.remove(force=True)
        del model.container  # else the client would stop it once more, and complain


# %% [markdown]
# ## What is kept of the run
#
# At every step one value of the variable is kept, and after the last step its whole field.


# %%
def check(model, variable, index):
    """Stop before the run, rather than after it, when the model has no such value."""
    try:
        model.get_var_units(variable)
        size = model.get_var_nbytes(variable) // model.get_var_itemsize(variable)
    except grpc.RpcError as error:
        names = ", ".join(model.get_output_var_names())
        raise LookupError(f"No variable {variable!r}. The model gives: {names}") from error
    if index != int(index) or not 0 <= index < size:
        raise IndexError(f"{variable!r} has {size} values, 0 to {size - 1}, and none at {index}.")


def value_at(model, variable, index):
    """One value of the variable."""
    value = np.empty(1, number_type(model, variable))
    return float(model.get_value_at_indices(variable, value, np.array([int(index)]))[0])


def number_type(model, variable):
    """The type of the variable's numbers, as numpy calls it."""
    try:
        return np.dtype(model.get_var_type(variable))
    except TypeError:  # not every model uses numpy's names
        return np.dtype(f"f{model.get_var_itemsize(variable)}")


# %% [markdown]
# Every model has its own step and counts time in its own unit; many count from a date.


# %%
def steps(model):
    """Step the model from its start to its end, and after each step give the model's time."""
    start, end = model.get_start_time(), model.get_end_time()
    progress = ProgressBar(100)
    progress.display()
    while (before := model.get_current_time()) < end:
        model.update()
        now = model.get_current_time()
        if now <= before:
            raise RuntimeError(f"The model stands still at {now} {model.get_time_units()}.")
        done = int(100 * (now - start) / (end - start))
        if done > progress.progress:
            progress.progress = done
        yield now


def days(times, units):
    """The model's times as dates, when its unit counts from a date, else as they are."""
    counted = xr.DataArray(times, dims="time", attrs={"units": units, "long_name": "time"})
    if " since " not in units:
        return counted
    return xr.decode_cf(counted.to_dataset(name="time"))["time"]


# %% [markdown]
# A field on a grid of rows and columns gets its coordinates.


# %%
def field_of(model, variable):
    """All values of the variable now, on the model's grid where that has rows and columns."""
    size = model.get_var_nbytes(variable) // model.get_var_itemsize(variable)
    values = model.get_value(variable, np.empty(size, number_type(model, variable))).astype(float)
    values[values == -999] = np.nan  # the usual number for "no value here"
    about = {"name": variable, "attrs": {"units": model.get_var_units(variable) or ""}}
    grid = model.get_var_grid(variable)
    if "rectilinear" not in model.get_grid_type(grid) or model.get_grid_rank(grid) != 2:
        return xr.DataArray(values, dims="cell", **about)
    rows, columns = (int(n) for n in model.get_grid_shape(grid, np.empty(2, dtype=int)))
    y, x = lines(model.get_grid_y, grid, rows), lines(model.get_grid_x, grid, columns)
    return xr.DataArray(values.reshape(rows, columns), {"y": y, "x": x}, **about)


def lines(get, grid, number):
    """Coordinates of the grid's rows or columns; their numbers if the model returns none."""
    try:
        return get(grid, np.empty(number))
    except (grpc.RpcError, ValueError):  # not made for this grid, or not as many as there should be
        return np.arange(number)


# %% [markdown]
# ## Run the model
#
# The model steps from its start to its end. It is stopped after that, also when a step fails.

# %%
plotting = setup.get("plotting")
times, values, field = [], [], None

model = start_model(setup["model"]["grpc4bmi_container"])
try:
    model.initialize(str(config_file))
    title = model.get_component_name()
    units = {name: model.get_var_units(name) or "" for name in model.get_output_var_names()}
    if plotting:
        check(model, **plotting)
    time_units = model.get_time_units() or ""
    for now in steps(model):
        times.append(now)
        if plotting:
            values.append(value_at(model, **plotting))
    if plotting:
        field = field_of(model, plotting["variable"])
finally:
    stop_model(model)
print(f"{title} ran for {len(times)} steps.")

# %% [markdown]
# ## What the model can give

# %%
pd.DataFrame({"unit": units}).rename_axis("output variable")

# %% [markdown]
# ## The field at the last step
#
# A cross marks the place that was recorded. A model with a single value has no map.


# %%
def show_field(field, index, title):
    """Plot a map with the recorded place, or cells in their order, or just print the value."""
    unit = field.attrs["units"]
    if field.size == 1:
        return print(f"{title}: {field.item():.6g} {unit}")
    axes = plt.figure(figsize=(9, 5)).add_subplot()
    if min(field.shape) == 1 or field.ndim == 1:
        axes.plot(field.values.ravel())
        axes.set(xlabel="index in the array of values", ylabel=f"{field.name} [{unit or '-'}]")
        axes.axvline(index, color="red", linestyle=":")
    else:
        row, column = np.unravel_index(index, field.shape)
        field.plot(ax=axes)
        axes.plot(field.x[column], field.y[row], "rx", markersize=10)
    axes.set_title(title)
    plt.show()


dates = days(times, time_units)
if plotting:
    last = str(dates.values[-1])[:16] if dates.dtype.kind == "M" else f"{times[-1]} {time_units}"
    show_field(field, int(plotting["index"]), f"{title}: {field.name} at {last}")
else:
    print("No plot was asked for: add plotting to setup, with an output variable and an index.")

# %% [markdown]
# ## The recorded series
#
# It is also kept as `recorded.csv` in the folder of this run.

# %%
if plotting:
    series = xr.DataArray(values, {"time": dates}, name=field.name, attrs=field.attrs)
    axes = plt.figure(figsize=(9, 4)).add_subplot()
    series.plot(ax=axes)
    axes.set_title(f"{title}: {field.name} at index {int(plotting['index'])}")
    axes.grid(alpha=0.3)
    plt.show()
    series.to_dataframe().to_csv(run_directory / "recorded.csv")

# %% [markdown]
# ## Go on from here
#
# - Change `config` before it is written, for instance the period of the run, and run the notebook
#   from there.
# - What the model wrote itself is in the folder of this run, which you may remove when you are
#   done.
