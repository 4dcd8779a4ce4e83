"""The notebooks of the experiments, executed as a user executes them.

What they speak to is real where PyPI has it: pydap serves a dataset over OPeNDAP; git repositories,
archives and files come over http; models are the leaky bucket of PyPI, as it is or once per cell of
a grid (fake_hydrology/buckets.py), served by grpc4bmi; ewatercycle and hydrostats are themselves.

Stand-ins are: ESMValTool, which is not on PyPI and which ewatercycle wants to see before it lets
itself be imported (fake_hydrology/standins), the command apptainer (fake_hydrology/apptainer.py),
and the web service of USGS, asked through a proxy on this machine (fake_hydrology/servers.py).
"""

import io
import json
import os
import stat
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import pytest
import yaml
from fake_hydrology import data, servers
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from launcher.experiments import Catalogue
from launcher.experiments.render import render as render_template

CATALOGUE = Catalogue.load()
FAKES = Path(__file__).parent / "fake_hydrology"
WEB = "http://127.0.0.1"


def render(name: str, parameters: dict[str, Any]) -> nbformat.NotebookNode:
    """The notebook as it is launched, with values too that the schema would refuse."""
    experiment = CATALOGUE.find(name)
    wanted = {key: parameters[key] for key in experiment.schema["properties"] if key in parameters}
    return nbformat.from_dict(render_template(experiment.template, name, wanted, shown=wanted))


@pytest.fixture(scope="session")
def caches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where matplotlib keeps its list of fonts, so that it makes one list and not one a test."""
    return tmp_path_factory.mktemp("matplotlib")


@pytest.fixture
def home(tmp_path: Path, caches: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of a user, in which notebooks are opened and kernels run."""
    home = tmp_path / "home"
    home.mkdir()
    paths = [FAKES, FAKES / "standins", FAKES / "plugin"]
    for name, value in {
        "HOME": str(home),
        "MPLCONFIGDIR": str(caches),
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "PYTHONWARNINGS": "error:::__main__",  # the notebooks' own warnings
        "DOCKER_HOST": f"unix://{tmp_path}/no-docker-here",
    }.items():
        monkeypatch.setenv(name, value)
    return home


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """A directory that the web server serves: rain in every packing, and configurations."""
    shelf = tmp_path / "shelf"
    (shelf / "rain").mkdir(parents=True)
    data.write_rain(shelf / "rain" / "rain.nc")
    data.write_lumped_rain(shelf / "lumped.nc")
    with zipfile.ZipFile(shelf / "rain.zip", "w") as archive:
        archive.write(shelf / "rain" / "rain.nc", "rain-main/rain.nc")
    with tarfile.open(shelf / "rain.tar.gz", "w:gz") as archive:
        archive.add(shelf / "rain" / "rain.nc", "rain.nc")
    settings = {"rain_file": "rain.nc", "leakiness": 0.1, "output_dir": "anywhere"}
    lines = "\n".join(f"{name} = {value}" for name, value in settings.items())
    (shelf / "config.ini").write_text(f"[buckets]\n{lines}\n")
    (shelf / "config.yaml").write_text(yaml.safe_dump(settings))
    (shelf / "failing.yaml").write_text(yaml.safe_dump(settings | {"fails_at": 5}))
    (shelf / "config.toml").write_text(
        'rain_file = "rain.nc"\nleakiness = 0.1\noutput_dir = "anywhere"\n'
    )
    (shelf / "lumped.json").write_text(
        json.dumps({"precipitation_file": "lumped.nc", "leakiness": 0.1})
    )
    return shelf


@pytest.fixture
def web(shelf: Path) -> Iterator[str]:
    """The address of the server of the shelf."""
    with servers.files(shelf) as address:
        yield address


def execute(notebook: nbformat.NotebookNode, home: Path) -> nbformat.NotebookNode:
    """Run all cells in the user's home, to the end or to the first error."""
    place = {"metadata": {"path": str(home)}}
    NotebookClient(notebook, timeout=120, resources=place).execute()
    assert not written(notebook, "stderr")
    return notebook


def complaint(notebook: nbformat.NotebookNode, home: Path) -> str:
    """What the error says at which the notebook stops."""
    with pytest.raises(CellExecutionError) as error:
        NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(home)}}).execute()
    return f"{error.value.ename}: {error.value.evalue}"


def outputs(notebook: nbformat.NotebookNode) -> Iterator[nbformat.NotebookNode]:
    """All that the cells gave, in order."""
    for cell in notebook.cells:
        yield from cell.get("outputs", [])


def written(notebook: nbformat.NotebookNode, stream: str = "stdout") -> str:
    """What the cells printed."""
    return "".join(out.text for out in outputs(notebook) if out.get("name") == stream)


def shown(notebook: nbformat.NotebookNode, kind: str) -> list[str]:
    """What the cells displayed, of one media type."""
    return [out.data[kind] for out in outputs(notebook) if kind in out.get("data", {})]


def run_directory(home: Path) -> Path:
    """The folder of the one run there was."""
    [found] = home.glob("run-*")
    return found


def of_buckets(web: str, **changes: Any) -> dict[str, Any]:
    """The setup of a run of buckets in INI, with other things in place of some."""
    return {
        "model": {"grpc4bmi_container": "python:buckets.IniBuckets"},
        "datafiles": {"format": "http", "url": f"{web}/rain/rain.nc"},
        "config": {"format": "ini", "url": f"{web}/config.ini"},
        "plotting": {"variable": "discharge", "index": 9},
    } | changes


def without(notebook: nbformat.NotebookNode, module: str) -> nbformat.NotebookNode:
    """The notebook on a machine where the module is not installed."""
    hide = f"import sys\n\nsys.modules[{module!r}] = None"
    notebook.cells.insert(0, nbformat.v4.new_code_cell(hide))
    return notebook


def send_github_to(web: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let git itself ask our server for what is on GitHub."""
    monkeypatch.setenv("GIT_CONFIG_COUNT", "1")
    monkeypatch.setenv("GIT_CONFIG_KEY_0", f"url.{web}/.insteadOf")
    monkeypatch.setenv("GIT_CONFIG_VALUE_0", "https://github.com/")


# The same for all


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("opendap", "netCDF4"),
        ("bmi", "grpc4bmi"),
        ("assessment", "hydrostats"),
        ("threeclickscience", "ewatercycle"),
    ],
)
def test_who_misses_a_package_is_told_how_to_install_it(name: str, module: str, home: Path) -> None:
    notebook = without(render(name, {"setup": of_buckets(WEB), "opendap": WEB}), module)
    said = complaint(notebook, home)
    assert said.startswith("ModuleNotFoundError")
    assert f"This notebook needs {module}. Install it with: pip install {module}" in said


# opendap


def test_a_dataset_is_shown_and_plotted_without_reading_all_of_it(home: Path) -> None:
    with servers.opendap() as address:
        notebook = execute(render("opendap", {"opendap": address}), home)
    assert "Read 0.17 MB of 3.11 MB." in written(notebook)
    assert any("sea surface temperature" in html for html in shown(notebook, "text/html"))
    assert len(shown(notebook, "image/png")) == 1


def test_a_title_from_a_foreign_server_does_not_become_markup(home: Path) -> None:
    with servers.opendap() as address:
        notebook = execute(render("opendap", {"opendap": address}), home)
    title = shown(notebook, "text/html")[0]
    assert title == "<h3>Sea surface &lt;b&gt;temperature&lt;/b&gt;, in $ and degrees</h3>"


def test_a_file_on_the_users_machine_is_no_opendap_address(home: Path) -> None:
    assert "begins with http:// or https://" in complaint(
        render("opendap", {"opendap": "/etc/passwd"}), home
    )


# bmi


@pytest.mark.parametrize(
    ("model", "datafiles", "config"),
    [
        ("buckets.IniBuckets", ("http", "rain/rain.nc"), ("ini", "config.ini")),
        ("buckets.YamlBuckets", ("git", "rain.git"), ("yaml", "config.yaml")),
        ("buckets.TomlBuckets", ("zip", "rain.zip"), ("toml", "config.toml")),
        ("buckets.YamlBuckets", ("tar", "rain.tar.gz"), ("yaml", "config.yaml")),
    ],
)
def test_a_model_is_run_recorded_and_stopped(
    model: str, datafiles: tuple, config: tuple, shelf: Path, web: str, home: Path
) -> None:
    servers.publish(shelf / "rain", shelf / "rain.git")
    setup = of_buckets(
        web,
        model={"grpc4bmi_container": f"python:{model}"},
        datafiles={"format": datafiles[0], "url": f"{web}/{datafiles[1]}"},
        config={"format": config[0], "url": f"{web}/{config[1]}"},
    )
    notebook = execute(render("bmi", {"setup": setup}), home)

    recorded = pd.read_csv(run_directory(home) / "recorded.csv", parse_dates=["time"])
    assert np.allclose(recorded["discharge"], data.discharge(9))
    assert list(recorded["time"]) == list(pd.to_datetime(data.DAYS[1:]))
    assert len(shown(notebook, "image/png")) == 2
    assert (run_directory(home) / "output" / "report.txt").read_text() == "stopped at step 39\n"


def test_the_bucket_of_pypi_runs_as_it_is_and_its_one_value_is_said(web: str, home: Path) -> None:
    setup = of_buckets(
        web,
        model={"grpc4bmi_container": "python:leakybucket.leakybucket_bmi.LeakyBucketBmi"},
        datafiles={"format": "http", "url": f"{web}/lumped.nc"},
        config={"format": "json", "url": f"{web}/lumped.json"},
        plotting={"variable": "discharge", "index": 0},
    )
    notebook = execute(render("bmi", {"setup": setup}), home)
    last = data.discharge(0)[-1]
    assert f"leakybucket: discharge at 2000-02-09T00:00: {last:.6g} m d-1" in written(notebook)
    assert len(shown(notebook, "image/png")) == 1


def test_a_github_address_of_subversion_is_fetched_with_git(
    shelf: Path, web: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = shelf / "whole"
    for folder in ("Rhine", "Danube"):
        (whole / folder).mkdir(parents=True)
        data.write_rain(whole / folder / "rain.nc")
    servers.publish(whole, shelf / "someone" / "rivers")
    send_github_to(web, monkeypatch)
    address = "https://github.com/someone/rivers/trunk/Danube"
    setup = of_buckets(web, datafiles={"format": "svn", "url": address})
    notebook = execute(render("bmi", {"setup": setup}), home)

    fetched = run_directory(home) / "input"
    assert f"1 data file in {fetched / 'Danube'}" in written(notebook)
    assert not (fetched / "Rhine").exists()


def test_a_folder_that_is_not_in_the_repository_is_named(
    shelf: Path, web: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    servers.publish(shelf / "rain", shelf / "someone" / "rivers")
    send_github_to(web, monkeypatch)
    address = "https://github.com/someone/rivers/trunk/Styx"
    setup = of_buckets(web, datafiles={"format": "svn", "url": address})
    assert f"no data files at {address}" in complaint(render("bmi", {"setup": setup}), home)


def test_who_asks_for_no_plot_gets_the_output_variables(web: str, home: Path) -> None:
    setup = of_buckets(web)
    del setup["plotting"]
    notebook = execute(render("bmi", {"setup": setup}), home)
    assert "leakybucket ran for 39 steps." in written(notebook)
    assert any("m3 s-1" in table for table in shown(notebook, "text/html"))
    assert not shown(notebook, "image/png")


def test_a_model_is_stopped_also_when_a_step_fails(web: str, home: Path) -> None:
    setup = of_buckets(
        web,
        model={"grpc4bmi_container": "python:buckets.YamlBuckets"},
        config={"format": "yaml", "url": f"{web}/failing.yaml"},
    )
    notebook = render("bmi", {"setup": setup})
    notebook.cells.append(
        nbformat.v4.new_code_cell(
            "print('ended:', model.process.poll() is not None)",
            metadata={"tags": ["raises-exception"]},
        )
    )
    place = {"metadata": {"path": str(home)}}
    NotebookClient(notebook, timeout=120, resources=place, allow_errors=True).execute()
    [first, *_] = [out for out in outputs(notebook) if out.output_type == "error"]
    assert "the bucket has a hole" in first.evalue
    assert "ended: True" in written(notebook)
    assert (run_directory(home) / "output" / "report.txt").read_text() == "stopped at step 5\n"


@pytest.mark.parametrize(
    ("plotting", "said"),
    [
        ({"variable": "evaporation", "index": 9}, "The model gives: discharge"),
        ({"variable": "discharge", "index": 48}, "0 to 47, and none at 48"),
        ({"variable": "discharge", "index": 8.5}, "none at 8.5"),
    ],
)
def test_who_asks_for_what_the_model_lacks_is_told_before_the_run(
    plotting: dict, said: str, web: str, home: Path
) -> None:
    setup = of_buckets(web, plotting=plotting)
    assert said in complaint(render("bmi", {"setup": setup}), home)
    assert (run_directory(home) / "output" / "report.txt").read_text() == "stopped at step 0\n"


def test_where_there_is_no_docker_the_container_runs_in_apptainer(
    web: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = tmp_path / "bin" / "apptainer"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {sys.executable} {FAKES / "apptainer.py"} "$@"\n')
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{command.parent}{os.pathsep}{os.environ['PATH']}")
    setup = of_buckets(web, model={"grpc4bmi_container": "example/buckets-IniBuckets"})
    notebook = execute(render("bmi", {"setup": setup}), home)
    assert "leakybucket ran for 39 steps." in written(notebook)


def test_who_has_neither_docker_nor_apptainer_is_told_what_to_install(
    web: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    setup = of_buckets(web, model={"grpc4bmi_container": "example/buckets:latest"})
    said = complaint(render("bmi", {"setup": setup}), home)
    assert "conda install -c conda-forge apptainer" in said


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere.model.Bmi", "The model's module nowhere.model is not installed here."),
        ("buckets.NoSuchClass", "The model's process did not come up"),
        ("buckets", "not of the form package.module.Class"),
        ("--path=/tmp.x.Y", "not of the form package.module.Class"),
    ],
)
def test_a_class_that_cannot_be_run_is_named(name: str, said: str, web: str, home: Path) -> None:
    setup = of_buckets(web, model={"grpc4bmi_container": f"python:{name}"})
    assert said in complaint(render("bmi", {"setup": setup}), home)


@pytest.mark.parametrize("form", ["svn", "git", "zip", "tar", "http"])
@pytest.mark.parametrize("url", ["--upload-pack=touch pwned", "file:///etc/passwd", "ext::sh"])
def test_data_come_from_the_web_only(form: str, url: str, home: Path) -> None:
    setup = of_buckets(WEB, datafiles={"format": form, "url": url})
    said = complaint(render("bmi", {"setup": setup}), home)
    assert "is not an address that begins with http:// or https://" in said
    assert not list(home.rglob("pwned"))


@pytest.mark.parametrize(
    ("form", "url", "package"),
    [
        ("git", f"{WEB}/rain.git", "git"),
        ("svn", "https://github.com/someone/rivers/trunk", "git"),
        ("svn", "https://svn.example.org/rivers/trunk", "subversion"),
    ],
)
def test_who_lacks_a_command_is_told_how_to_install_it(
    form: str, url: str, package: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    setup = of_buckets(WEB, datafiles={"format": form, "url": url})
    said = complaint(render("bmi", {"setup": setup}), home)
    assert f"Install it with: conda install -c conda-forge {package}" in said


@pytest.mark.parametrize("form", ["zip", "tar"])
def test_an_archive_cannot_write_outside_its_folder(
    form: str, shelf: Path, web: str, home: Path
) -> None:
    path = shelf / "evil"
    if form == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("../../escaped.txt", "out")
    else:
        with tarfile.open(path, "w") as archive:
            member = tarfile.TarInfo("../../escaped.txt")
            member.size = 3
            archive.addfile(member, io.BytesIO(b"out"))
    setup = of_buckets(web, datafiles={"format": form, "url": f"{web}/evil"})
    assert "outside" in complaint(render("bmi", {"setup": setup}), home)
    assert not list(home.rglob("escaped.txt"))


# assessment


def of_station(web: str, **changes: Any) -> dict[str, Any]:
    """The setup of an assessment of buckets in YAML against the station of the test data."""
    return {
        "model": {"name": "Buckets", "grpc4bmi_container": "python:buckets.YamlBuckets"},
        "datafiles": {"format": "http", "url": f"{web}/rain/rain.nc"},
        "config": {"format": "yaml", "url": f"{web}/config.yaml"},
        "assessment": {"variable": "discharge", "index": 9, "station_id": "6970500"},
    } | changes


def test_a_model_is_compared_with_a_station_of_grdc(web: str, home: Path) -> None:
    data.write_grdc(home)
    notebook = execute(render("assessment", {"setup": of_station(web)}), home)

    both = pd.read_csv(run_directory(home) / "compared.csv", parse_dates=["time"])
    simulated, observed = both["simulated"], both["observed"]
    assert len(both) == 38  # of 39 days, one without an observation
    errors = simulated - observed
    spread = ((observed - observed.mean()) ** 2).sum()
    [table] = [text for text in shown(notebook, "text/plain") if "Nash-Sutcliffe" in text]
    values = [float(line.split()[-1]) for line in table.splitlines()[1:]]
    assert values[:2] == pytest.approx([errors.mean(), 1 - (errors**2).sum() / spread], abs=1e-5)
    assert len(values) == 4
    assert "<h3>discharge at Spillway, Bucket River</h3>" in shown(notebook, "text/html")
    assert "Both are in m3/s." in written(notebook)
    assert len(shown(notebook, "image/png")) == 1


def test_a_model_is_compared_with_a_station_of_usgs(
    web: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with servers.usgs(data.waterml()) as proxy:
        monkeypatch.setenv("http_proxy", proxy)
        monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
        place = {"variable": "discharge", "index": 9, "source": "usgs", "station_id": "03109500"}
        notebook = execute(render("assessment", {"setup": of_station(web, assessment=place)}), home)
    both = pd.read_csv(run_directory(home) / "compared.csv", parse_dates=["time"])
    expected = [data.cubic_feet(day) / 35.315 for day in range(1, 40)]
    assert both["observed"].to_list() == pytest.approx(expected, rel=1e-5)
    assert "<h3>discharge at Bucket Creek near Spillway</h3>" in shown(notebook, "text/html")


def test_who_compares_other_units_is_warned(web: str, home: Path) -> None:
    data.write_grdc(home)
    setup = of_station(
        web,
        model={
            "name": "LeakyBucket",
            "grpc4bmi_container": "python:leakybucket.leakybucket_bmi.LeakyBucketBmi",
        },
        datafiles={"format": "http", "url": f"{web}/lumped.nc"},
        config={"format": "json", "url": f"{web}/lumped.json"},
        assessment={"variable": "discharge", "index": 0, "station_id": "6970500"},
    )
    notebook = execute(render("assessment", {"setup": setup}), home)
    assert "Beware: simulated is in m d-1, observed in m3/s." in written(notebook)


def test_who_lacks_the_files_of_grdc_is_told_which(web: str, home: Path) -> None:
    said = complaint(render("assessment", {"setup": of_station(web)}), home)
    assert "6970500_Q_Day.Cmd.txt does not exist" in said


@pytest.mark.parametrize(
    ("name", "model", "form", "config"),
    [
        ("PCR-GLOBWB", "PcrGlobwbBuckets", "ini", "[globalOptions]\ninputDir = a\noutputDir = b\n"),
        ("wflow", "WflowBuckets", "ini", "[model]\nconfigfile = elsewhere.ini\n"),
        ("Walrus", "WalrusBuckets", "yaml", "data: data/rain.nc\n"),
    ],
)
def test_three_models_are_told_where_their_input_is_in_their_own_way(
    name: str, model: str, form: str, config: str, shelf: Path, web: str, home: Path
) -> None:
    data.write_grdc(home)
    (shelf / "own").write_text(config)
    setup = of_station(
        web,
        model={"name": name, "grpc4bmi_container": f"python:buckets.{model}"},
        config={"format": form, "url": f"{web}/own"},
    )
    notebook = execute(render("assessment", {"setup": setup}), home)
    assert f"{name} ran for 39 steps." in written(notebook)


# threeclickscience


@pytest.fixture
def danube(home: Path) -> Path:
    """A configured machine: one parameter set, for the Danube, and room for output."""
    sets = home / "sets"
    (sets / "danube").mkdir(parents=True)
    (home / "output").mkdir()
    data.write_rain(sets / "danube" / "rain.nc")
    (sets / "danube" / "config.yaml").write_text("leakiness: 0.1\n")
    known = {"directory": "danube", "config": "config.yaml", "target_model": "buckets"}
    configuration = {
        "output_dir": str(home / "output"),
        "parameterset_dir": str(sets),
        "parameter_sets": {"buckets_danube": known},
    }
    (home / ".config" / "ewatercycle").mkdir(parents=True)
    path = home / ".config" / "ewatercycle" / "ewatercycle.yaml"
    path.write_text(yaml.safe_dump(configuration))
    return sets


def three_choices(**changes: Any) -> dict[str, Any]:
    """Buckets on the Danube in January 2000, with other choices in place of some."""
    period = {"start": "2000-01-01T01:00:00+01:00", "end": "2000-01-31T00:00:00Z"}
    return {"setup": {"model": "buckets", "region": "donau", "period": period} | changes}


def test_three_choices_lead_to_the_discharge_at_the_outlet(danube: Path, home: Path) -> None:
    notebook = execute(render("threeclickscience", three_choices()), home)
    assert "30 days." in written(notebook)
    assert "No forcing was prepared" in written(notebook)
    assert "The outlet lies at latitude 52.500, longitude" in written(notebook)
    assert "<h3>discharge of Buckets in donau</h3>" in shown(notebook, "text/html")
    assert len(shown(notebook, "image/png")) == 2


def test_forcing_that_was_prepared_for_the_region_is_used(danube: Path, home: Path) -> None:
    for name, end in {"danube-short": "2000-01-10", "danube-long": "2000-02-09"}.items():
        folder = home / "forcing" / name
        folder.mkdir(parents=True)
        data.write_rain(folder / "pr.nc")
        about = {"start_time": "2000-01-01T00:00:00Z", "end_time": f"{end}T00:00:00Z"}
        (folder / "ewatercycle_forcing.yaml").write_text(
            yaml.safe_dump(about | {"filenames": {"pr": "pr.nc"}})
        )
    (danube / "danube" / "rain.nc").unlink()
    notebook = execute(render("threeclickscience", three_choices()), home)
    assert "danube-long" in written(notebook)
    assert "30 days." in written(notebook)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"model": "wflow"}, "Install it with: pip install ewatercycle-wflow"),
        ({"model": "no-such"}, "There is no model 'no-such' here. See the list above."),
        ({"region": "rhine"}, "There are: buckets_danube."),
        (
            {"period": {"start": "2000-02-01T00:00:00Z", "end": "2000-01-31T23:59:59Z"}},
            "lies before its start",
        ),
    ],
)
def test_a_choice_that_leads_nowhere_is_explained(
    changes: dict, said: str, danube: Path, home: Path
) -> None:
    assert said in complaint(render("threeclickscience", three_choices(**changes)), home)
