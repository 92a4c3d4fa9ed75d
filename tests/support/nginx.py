"""The real nginx in front of a real server, on loopback, with the site file that installations get."""

from __future__ import annotations

import ipaddress
import os
import shutil
import subprocess
import tempfile
import time
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import create_connection

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from backend.operating import proxy

START_SECONDS = 20
MAIN = """{user}daemon off; pid {folder}/nginx.pid; worker_processes 1; error_log {folder}/error.log warn;
events {{ worker_connections 512; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


def nginx() -> str:
    """The program's path; empty where there is none."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin") or ""


def certify(folder: Path, days: int = 90) -> tuple[Path, Path]:
    """A self-signed certificate for ``localhost`` and its key, fresh for every test."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days, hours=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(parents=True, exist_ok=True)
    chain, private = folder / "fullchain.pem", folder / "privkey.pem"
    chain.write_bytes(certificate.public_bytes(Encoding.PEM))
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return chain, private


class Nginx:
    """nginx with one site. Only what was started here is stopped here."""

    def __init__(self, https_port: int, http_port: int, upstream: str, certificate: tuple[Path, Path]) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="xinyi-nginx-")
        self.folder = Path(self._folder.name)
        self.https_port, self.http_port = https_port, http_port
        self.certificate = certificate[0]
        site = proxy.Site(
            base_url=f"https://localhost:{https_port}", upstream=upstream, http_port=http_port, address="127.0.0.1",
            certificate=str(certificate[0]), key=str(certificate[1]),
        )  # fmt: skip
        (self.folder / "site.conf").write_text(proxy.render(site), "utf-8")
        user = "user root; " if os.geteuid() == 0 else ""
        (self.folder / "nginx.conf").write_text(MAIN.format(folder=self.folder, user=user), "utf-8")
        self._command = [nginx(), "-p", str(self.folder), "-c", str(self.folder / "nginx.conf"), "-e", "stderr"]
        self.process: subprocess.Popen[bytes] | None = None

    def tested(self) -> str:
        """What ``nginx -t`` says about the files."""
        return subprocess.run([*self._command, "-t"], capture_output=True, text=True, check=False).stderr

    def __enter__(self) -> Nginx:
        with (self.folder / "stderr").open("wb") as errors:
            self.process = subprocess.Popen(self._command, stderr=errors)
        limit = time.monotonic() + START_SECONDS
        while time.monotonic() < limit and self.process.poll() is None:
            try:
                with closing(create_connection(("127.0.0.1", self.https_port), timeout=1)):
                    return self
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"nginx did not start:\n{(self.folder / 'stderr').read_text()}{self.tested()}")

    def __exit__(self, *_: object) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=START_SECONDS)
        self._folder.cleanup()
