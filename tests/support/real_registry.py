"""The registry of the CNCF (Debian's package docker-registry) over https on loopback."""

import hashlib
import json
import shutil
import subprocess

import requests
from certificates import Authority
from fake_registry import MANIFEST, manifest
from ports import free_port
from waiting import wait_until

# bcrypt of "token-of-alice"
_PASSWORDS = "alice:$2y$05$abcdefghijklmnopqrstuuvyadazrCDIHMngtGcc5qaCvuZ0AjSZG\n"
_LOGIN = ("alice", "token-of-alice")


class RealRegistry:
    """A process of the registry; it asks for access as `asks_for` of `FakeRegistry`."""

    def __init__(self, folder, authority: Authority, asks_for="") -> None:
        self.folder = folder
        self.asks_for = asks_for
        self.name = f"127.0.0.1:{free_port()}"
        self.url = f"https://{self.name}"
        self.realm = f"{self.url}/jwt/auth"
        self.ca_file = str(authority.bundle)
        self._certificate = str(authority.server_file())
        self._process = None

    def start(self) -> "RealRegistry":
        folder = self.folder
        folder.mkdir(exist_ok=True)
        (folder / "passwords").write_text(_PASSWORDS)
        auth = {
            "basic": {"htpasswd": {"realm": "registry", "path": str(folder / "passwords")}},
            "bearer": {"token": {"realm": self.realm, "service": "registry", "issuer": "the-lab",
                                 "rootcertbundle": self.ca_file}},
        }  # fmt: skip
        tls = {"certificate": self._certificate, "key": self._certificate}
        config = {
            "version": 0.1,
            "log": {"level": "error", "accesslog": {"disabled": True}},
            "storage": {"filesystem": {"rootdirectory": str(folder / "images")}},
            "http": {"addr": self.name, "tls": tls, "secret": "for-one-test"},
            "auth": auth.get(self.asks_for, {}),
        }
        # JSON is YAML
        (folder / "config.yml").write_text(json.dumps(config))
        command = [shutil.which("docker-registry"), "serve", str(folder / "config.yml")]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        wait_until(lambda: self._answers() is not None, "the registry")
        return self

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(30)

    def push(self, path, tag) -> str:
        """Add an image; returns the digest of its manifest."""
        content = manifest()
        config = b"{}"
        begun = self._call("POST", f"/v2/{path}/blobs/uploads/", 202)
        place = begun.headers["Location"].removeprefix(self.url)
        separator = "&" if "?" in place else "?"
        digest = f"sha256:{hashlib.sha256(config).hexdigest()}"
        octets = {"Content-Type": "application/octet-stream"}
        self._call("PUT", f"{place}{separator}digest={digest}", 201, data=config, headers=octets)
        made = self._call(
            "PUT", f"/v2/{path}/manifests/{tag}", 201, data=content,
            headers={"Content-Type": MANIFEST},
        )  # fmt: skip
        return made.headers["Docker-Content-Digest"]

    def _call(self, method, path, status, **more):
        response = requests.request(
            method, self.url + path, verify=self.ca_file, auth=_LOGIN, timeout=10, **more
        )
        assert response.status_code == status, response.text
        return response

    def _answers(self):
        assert self._process.poll() is None
        try:
            return requests.get(f"{self.url}/v2/", verify=self.ca_file, timeout=5)
        except requests.ConnectionError:
            return None
