# SPDX-License-Identifier: Apache-2.0
"""A private certificate authority and the leaves it signed, good and bad."""

import pathlib
import subprocess


def openssl(folder, *words):
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


class Authority:
    """`ca` signs; `leaf(...)` returns the paths of a certificate and its key."""

    def __init__(self, folder, name="ca"):
        self.folder, self.name = pathlib.Path(folder), name
        self.ca = str(self.folder / f"{name}.pem")
        openssl(
            self.folder, "req", "-x509", "-newkey", "ec", "-pkeyopt",
            "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{name}.key", "-out",
            f"{name}.pem", "-days", "2", "-subj", f"/CN=scenario {name}",
            "-addext", "basicConstraints=critical,CA:TRUE",
        )  # fmt: skip

    def leaf(self, name, host="localhost", days=1):
        """`days` may be negative: then the certificate has expired already."""
        (self.folder / f"{name}.ext").write_text(f"subjectAltName=DNS:{host}\n")
        openssl(
            self.folder, "req", "-new", "-newkey", "ec", "-pkeyopt",
            "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{name}.key", "-out",
            f"{name}.csr", "-subj", f"/CN={host}",
        )  # fmt: skip
        openssl(
            self.folder, "x509", "-req", "-in", f"{name}.csr", "-CA", f"{self.name}.pem",
            "-CAkey", f"{self.name}.key", "-CAcreateserial", "-days", str(days),
            "-extfile", f"{name}.ext", "-out", f"{name}.pem",
        )  # fmt: skip
        return str(self.folder / f"{name}.pem"), str(self.folder / f"{name}.key")
