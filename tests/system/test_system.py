"""What needs root or Debian packages: local accounts through PAM, and a real browser."""

import pwd
import re
import secrets
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests
from playwright.sync_api import sync_playwright
from ports import free_port
from processes import Process
from waiting import wait_until

pytestmark = pytest.mark.system

TOP = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
ACCOUNTS = {"launchertest1": "pässwörd: 1", "launchertest2": "secret 2"}


@pytest.fixture(scope="module")
def accounts():
    """Two local accounts with passwords, removed afterwards with their homes."""
    for name, password in ACCOUNTS.items():
        subprocess.run(["useradd", "--create-home", "--shell", "/bin/bash", name], check=True)
        subprocess.run(["chpasswd"], input=f"{name}:{password}".encode(), check=True)
    yield ACCOUNTS
    for name in ACCOUNTS:
        subprocess.run(["pkill", "-9", "-u", name], check=False)
        wait_until(lambda n=name: subprocess.run(["pgrep", "-u", n], check=False).returncode)
        subprocess.run(["userdel", "--remove", name], check=False, capture_output=True)


@pytest.fixture(scope="module")
def processes():
    """Processes to stop in the end, the last one first."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture(scope="module")
def by_hand(accounts, processes, tmp_path_factory):
    """Hub and launcher as in docs/install.md, section "By hand", on ports of their own."""
    folder = tmp_path_factory.mktemp("by-hand")
    port, own = free_port(), free_port()
    text = (TOP / "jupyterhub_config.py.example").read_text(encoding="utf-8")
    text = text.replace('"api_token": ""', f'"api_token": "{secrets.token_hex(24)}"', 1)
    text = text.replace("127.0.0.1:8000", f"127.0.0.1:{port}")
    text += f"\nc.JupyterHub.hub_port = {free_port()}\n"
    text += f'c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{free_port()}"\n'
    (folder / "jupyterhub_config.py").write_text(text, encoding="utf-8")
    shutil.copy(TOP / "gunicorn.conf.py", folder)
    hub = Process([sys.executable, "-m", "jupyterhub"], folder, "hub", {})
    hub.start()
    processes.callback(hub.stop)
    url = f"http://127.0.0.1:{port}"
    hub.wait_for(f"{url}/hub/api/")
    page = (TOP / "docs/install.md").read_text(encoding="utf-8")
    one_liner = re.search(r"export JUPYTERHUB_TOKEN=\$\((.*?)\)\n```", page, re.DOTALL)
    token = subprocess.run(
        ["bash", "-c", one_liner[1]], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()
    env = {"JUPYTERHUB_TOKEN": token, "JUPYTERHUB_URL": url}
    command = [sys.executable, "-m", "gunicorn", "-w", "4", "-b", f"127.0.0.1:{own}"]
    launcher = Process([*command, "launcher.serve:app"], folder, "launcher", env)
    launcher.start()
    processes.callback(launcher.stop)
    launcher.wait_for(f"http://127.0.0.1:{own}/health")
    return url, f"http://127.0.0.1:{own}"


def hello(launcher, name, password, directory="somedirectory"):
    return requests.post(
        f"{launcher}/hello",
        json={"notebook": {"directory": directory}},
        auth=(name, password.encode()),
        timeout=90,
    )


@pytest.mark.parametrize("name", ACCOUNTS)
def test_a_local_account_gets_a_notebook_of_its_own(by_hand, accounts, name):
    _, launcher = by_hand
    answer = hello(launcher, name, accounts[name])
    assert answer.status_code == 200, answer.text
    notebook = Path(pwd.getpwnam(name).pw_dir) / "somedirectory" / "experiment.ipynb"
    for path in (notebook, notebook.parent):
        assert pwd.getpwuid(path.stat().st_uid).pw_name == name


def test_a_wrong_password_of_a_local_account_is_refused(by_hand, accounts):
    _, launcher = by_hand
    answer = hello(launcher, "launchertest1", accounts["launchertest2"])
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic")


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS.split())
        yield chromium
        chromium.close()


def test_the_notebook_opens_alone_in_jupyterlab(by_hand, accounts, browser):
    url, launcher = by_hand
    name = "launchertest1"
    location = hello(launcher, name, accounts[name], "opens").json()["location"]
    page = browser.new_page()
    page.goto(location)
    page.fill("#username_input", name)
    page.fill("#password_input", accounts[name])
    page.click("#login_submit")
    page.locator(".jp-Notebook", has_text="hello world").wait_for(timeout=60_000)
    tabs = page.locator(".lm-DockPanel-tabBar .lm-TabBar-tabLabel").all_inner_texts()
    assert tabs == ["experiment.ipynb"]
    assert page.url.startswith(f"{url}/user/{name}/lab/")
    assert not page.locator(".jp-Dialog").count()
    # once the kernel has said what it is, the notebook is still as it was written
    page.locator('.jp-Notebook-ExecutionIndicator[data-status="idle"]').first.wait_for()
    page.wait_for_timeout(1000)
    assert not page.locator(".lm-TabBar-tab.jp-mod-dirty").count()
    page.close()


def test_swagger_ui_launches_with_either_credential(by_hand, accounts, browser):
    _, launcher = by_hand
    page = browser.new_page()
    elsewhere = []
    page.on("request", lambda request: elsewhere.append(request.url))
    page.goto(f"{launcher}/ui/")
    page.click("button.authorize")
    dialog = page.locator(".modal-ux")
    dialog.locator("input[type=text]").nth(1).fill("launchertest2")
    dialog.locator("input[type=password]").fill(accounts["launchertest2"])
    dialog.locator("button.authorize").nth(1).click()
    dialog.locator("button.btn-done").first.click()
    page.locator(".opblock-summary-path").first.click()
    page.click("button.execute")
    body = page.locator(".live-responses-table .response-col_description .microlight").first
    body.wait_for(timeout=60_000)
    assert "/user/launchertest2/lab/" in body.inner_text()
    assert all(address.startswith((launcher, "data:", "blob:")) for address in elsewhere)
    assert page.evaluate("localStorage.length") == 0
    page.close()
