"""Make authorities and certificates with openssl, right ones and wrong ones."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.servers import program


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate and its key."""

    cert: Path
    key: Path


def _openssl(*arguments: str) -> None:
    done = subprocess.run([program("openssl"), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def authority(folder: Path, name: str) -> Certificate:
    """Make an authority."""
    made = Certificate(folder / f"{name}.pem", folder / f"{name}.key")
    extensions = ("basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign,cRLSign")
    more = [part for each in extensions for part in ("-addext", each)]
    new = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30")
    _openssl(*new, "-subj", f"/CN={name}", *more, "-keyout", str(made.key), "-out", str(made.cert))
    return made


def certificate(
    folder: Path, name: str, by: Certificate, names: str = "IP:127.0.0.1", dates: tuple[str, str] | None = None
) -> Certificate:
    """Make a certificate.

    Args:
        folder: where.
        name: of its files.
        by: the authority that signs it.
        names: hosts and addresses that it is for.
        dates: from when and until when it is valid, as `20200101000000Z`; by default it is now.
    """
    made, request = Certificate(folder / f"{name}.pem", folder / f"{name}.key"), folder / f"{name}.csr"
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(made.key))
    _openssl("req", *key, "-subj", f"/CN={name}", "-addext", f"subjectAltName={names}", "-out", str(request))
    database = folder / f"{name}.db"
    database.write_text("", encoding="utf-8")
    config = folder / f"{name}.cnf"
    config.write_text(
        f"[ca]\ndefault_ca=d\n[d]\ndatabase={database}\nnew_certs_dir={folder}\nrand_serial=yes\ndefault_md=sha256\n"
        "policy=p\ncopy_extensions=copy\nunique_subject=no\nx509_extensions=x\n[p]\ncommonName=supplied\n"
        "[x]\nauthorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\nbasicConstraints=CA:FALSE\n",
        encoding="utf-8",
    )
    valid = ("-days", "30") if dates is None else ("-startdate", dates[0], "-enddate", dates[1])
    signed = ("-cert", str(by.cert), "-keyfile", str(by.key), "-in", str(request), "-out", str(made.cert))
    _openssl("ca", "-batch", "-notext", "-config", str(config), *valid, *signed)
    return made
