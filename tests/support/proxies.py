"""A real nginx or Caddy before a server, with the very files of deploy/: only names, ports and certificates are others.

They come from tools/get_nginx.sh and tools/get_caddy.sh.
"""

import datetime as dt
import signal
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hashrail import clock
from tests.support import patience
from tests.support.folders import ROOT
from tests.support.patience import wait_until
from tests.support.programs import free_port

PROGRAMS = {name: ROOT / ".venv" / name / "bin" / name for name in ("nginx", "caddy")}
FILES = {"nginx": ROOT / "deploy/nginx/hashrail.conf", "caddy": ROOT / "deploy/caddy/Caddyfile"}
# The same before two servers.
FILES_OF_TWO = {"caddy": ROOT / "deploy/caddy/Caddyfile.two"}
HERE = "127.0.0.1"


@dataclass(frozen=True)
class Proxy:
    """Where it listens, by TLS and in the clear, and whose word its certificate is."""

    name: str
    port: int
    clear: int
    certificate: Path

    @property
    def url(self) -> str:
        """What callers call."""
        return f"https://{HERE}:{self.port}"

    def trust(self) -> ssl.SSLContext:
        """What takes its certificate for good."""
        return ssl.create_default_context(cafile=str(self.certificate))


@contextmanager
def proxied(name: str, url: str, folder: Path, *, second: str | None = None) -> Iterator[Proxy]:
    """A proxy before what listens at `url`, and at the `second` one, until the block ends."""
    if not PROGRAMS[name].exists():
        pytest.skip(f"no {name}: run tools/get_{name}.sh .venv/{name}")
    folder.mkdir(parents=True)
    certificate, key = _certificate(folder)
    made = Proxy(name, free_port(), free_port(), certificate)
    text = (FILES if second is None else FILES_OF_TWO)[name].read_text()
    for usual, real in (("127.0.0.1:8080", url), ("127.0.0.1:8081", second or "")):
        text = text.replace(usual, real.removeprefix("http://"))
    write = {"nginx": _nginx, "caddy": _caddy}[name]
    words = write(text, made, key, folder)
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [PROGRAMS[name], *words],
            env={"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        _wait_until_it_answers(process, made, folder / "log")
        yield made
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(patience.SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _nginx(text: str, made: Proxy, key: Path, folder: Path) -> list[str]:
    """Its file as part of a whole configuration, as Debian's includes it."""
    for old, new in (
        ("listen 443 ssl", f"listen {HERE}:{made.port} ssl"),
        ("listen 80;", f"listen {HERE}:{made.clear};"),
        ("/etc/hashrail/tls/fullchain.pem", str(made.certificate)),
        ("/etc/hashrail/tls/privkey.pem", str(key)),
    ):
        assert old in text
        text = text.replace(old, new)
    (folder / "hashrail.conf").write_text(text)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    places = "\n".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    whole = f"daemon off; master_process off; pid {folder}/pid; error_log stderr warn; events {{}}\n"
    whole += f"http {{ access_log off; {places}\ninclude {folder}/hashrail.conf; }}\n"
    (folder / "nginx.conf").write_text(whole)
    return ["-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")]


def _caddy(text: str, made: Proxy, key: Path, folder: Path) -> list[str]:
    """Its file with a certificate of ours: nobody gives one for this machine."""
    text = text.replace("health_interval 1s", "health_interval 250ms")
    for old, new in (
        ("\n{\n", "\n{\n\tadmin off\n\tauto_https disable_redirects\n"),
        ("api.example.com {", f"{made.url} {{\n\ttls {made.certificate} {key}"),
    ):
        assert text.count(old) == 1
        text = text.replace(old, new)
    (folder / "Caddyfile").write_text(text)
    return ["run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]


def _certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of this machine and its key, for a day."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HERE)])
    now = clock.wall_now()
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(HERE))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "chain.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "key.pem").write_bytes(private)
    return folder / "chain.pem", folder / "key.pem"


def _wait_until_it_answers(process: "subprocess.Popen[bytes]", made: Proxy, log: Path) -> None:
    def answers() -> bool:
        assert process.poll() is None, log.read_text()
        try:
            return httpx.get(f"{made.url}/healthz", verify=made.trust(), timeout=patience.SECONDS).status_code == 200
        except httpx.TransportError:
            return False

    wait_until(answers, log.read_text)
