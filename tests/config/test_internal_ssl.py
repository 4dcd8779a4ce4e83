"""The settings of a hub with internal_ssl: which files are used, and why one cannot be."""

import pytest
from certificates import Authority

from launcher import config
from launcher.errors import ConfigError

SITE = {"JUPYTERHUB_URL": "http://127.0.0.1:8000", "JUPYTERHUB_TOKEN": "token-of-the-launcher"}
KEY, CERT, CA = (f"JUPYTERHUB_SSL_{name}" for name in ("KEYFILE", "CERTFILE", "CLIENT_CA"))


@pytest.fixture
def files(tmp_path, monkeypatch):
    """The variables as a hub sets them for a service that it starts."""
    monkeypatch.chdir(tmp_path)
    authority = Authority(tmp_path)
    own = str(authority.server_file())
    return {KEY: own, CERT: own, CA: str(authority.bundle)}


def test_without_variables_there_is_no_certificate(files):
    settings = config.load(SITE)
    assert settings.certificates is None
    assert not config.load({**SITE, "JUPYTERHUB_SERVICE_URL": "https://127.0.0.1:1"}).serves_tls
    assert not settings.serves_tls


@pytest.mark.parametrize(
    ("url", "serves"), [("http://127.0.0.1:8888", False), ("https://127.0.0.1:8888", True)]
)
def test_the_url_of_the_service_says_whether_the_launcher_serves_tls(files, url, serves):
    settings = config.load({**SITE, **files, "JUPYTERHUB_SERVICE_URL": url})
    assert settings.certificates.certificate == files[CERT]
    assert settings.serves_tls is serves


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({KEY: ""}, "set both JUPYTERHUB_SSL_KEYFILE"),
        ({CERT: ""}, "set both JUPYTERHUB_SSL_KEYFILE"),
        ({KEY: "", CERT: ""}, "set both JUPYTERHUB_SSL_KEYFILE"),
        ({CERT: "nowhere.crt"}, "nowhere.crt cannot be read (No such file or directory)"),
        ({CA: "nowhere.crt"}, "nowhere.crt cannot be read (No such file or directory)"),
        ({CERT: "text.pem", KEY: "text.pem"}, "must be the key of JUPYTERHUB_SSL_CERTFILE"),
        ({KEY: "other.pem"}, "must be the key of JUPYTERHUB_SSL_CERTFILE"),
        ({CA: ""}, "Set JUPYTERHUB_SSL_CLIENT_CA"),
    ],
)
def test_files_that_cannot_be_used(files, tmp_path, changed, sentence):
    (tmp_path / "text.pem").write_text("no certificate")
    Authority(tmp_path).server_file().rename(tmp_path / "other.pem")
    url = "https://127.0.0.1:8888"
    with pytest.raises(ConfigError) as error:
        config.load({**SITE, **files, **changed, "JUPYTERHUB_SERVICE_URL": url})
    assert sentence in str(error.value)
