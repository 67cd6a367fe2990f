"""Where the kit's files are. Names only; nothing here touches a disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PRIVATE_FILE = 0o600
PRIVATE_DIR = 0o700
PUBLIC_FILE = 0o644


@dataclass(frozen=True)
class Layout:
    """The three folders of jupyter_core, absolute, and everything below them that is ours."""

    config_dir: Path
    data_dir: Path
    runtime_dir: Path

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables by which jupyter_core finds the three folders again, from whatever working directory."""
        return {
            "JUPYTER_CONFIG_DIR": str(self.config_dir),
            "JUPYTER_DATA_DIR": str(self.data_dir),
            "JUPYTER_RUNTIME_DIR": str(self.runtime_dir),
        }

    @property
    def instances_dir(self) -> Path:
        """Holds one JSON file an instance."""
        return self.config_dir / "remotekit"

    def instance_file(self, instance: str) -> Path:
        """The instance's traits, hash and token."""
        return self.instances_dir / f"{instance}.json"

    def overlay_file(self, instance: str) -> Path:
        """The instance's default settings of JupyterLab, in the form of an `overrides.json`."""
        return self.instances_dir / f"{instance}.overrides.json"

    def environment_file(self, instance: str) -> Path:
        """The environment of the instance's service, where the user's own systemd runs it."""
        return self.instances_dir / f"{instance}.env"

    @property
    def data_root(self) -> Path:
        """Everything of ours that is neither configuration nor runtime state."""
        return self.data_dir / "remotekit"

    @property
    def hosts_file(self) -> Path:
        """The hosts that this laptop knows, for `connect`."""
        return self.data_root / "hosts.json"

    @property
    def trusted_file(self) -> Path:
        """The authorities that this laptop trusts, for `trust`."""
        return self.data_root / "trusted.json"

    @property
    def trusted_dir(self) -> Path:
        """Their certificates, for IDEs."""
        return self.data_root / "trusted"

    @property
    def wheels_dir(self) -> Path:
        """Packages that were collected for hosts without an index."""
        return self.data_root / "wheels"

    @property
    def tls_dir(self) -> Path:
        """The private CA and the leaves."""
        return self.data_root / "tls"

    @property
    def ca_file(self) -> Path:
        """The private CA's certificate and key, PEM."""
        return self.tls_dir / "ca.pem"

    @property
    def ca_certificate_file(self) -> Path:
        """The private CA's certificate alone: what a laptop imports."""
        return self.tls_dir / "ca.crt"

    @property
    def previous_ca_file(self) -> Path:
        """The private CA before this one, certificate and key, while laptops may trust that one alone."""
        return self.tls_dir / "previous-ca.pem"

    def leaf_file(self, instance: str) -> Path:
        """The instance's certificate, its chain and its key in one file, so that they cannot come apart."""
        return self.tls_dir / f"leaf-{instance}.pem"

    def previous_leaf_file(self, instance: str) -> Path:
        """As `leaf_file`, issued by the private CA before this one."""
        return self.tls_dir / f"previous-leaf-{instance}.pem"

    @property
    def backups_dir(self) -> Path:
        """The last five of each file replaced."""
        return self.data_root / "backups"

    def instance_data_dir(self, instance: str) -> Path:
        """The instance's logs and state; also the working directory of its server, so that no module of the user's shadows ours."""
        return self.data_root / "instances" / instance

    def server_log(self, instance: str) -> Path:
        """What a detached server prints."""
        return self.instance_data_dir(instance) / "server.log"

    def sessions_file(self, instance: str) -> Path:
        """Who is signed in; digests of the cookies' secrets, not the secrets."""
        return self.instance_data_dir(instance) / "sessions.json"

    def audit_file(self, instance: str) -> Path:
        """Who came in and who was refused, one JSON object a line; rotated to `audit.jsonl.1` and so on."""
        return self.instance_data_dir(instance) / "audit.jsonl"

    def manifest_file(self, instance: str) -> Path:
        """Digests of what we wrote, by which an edit is recognised."""
        return self.instance_data_dir(instance) / "manifest.json"

    @property
    def service_record(self) -> Path:
        """What was changed on the machine for services, beside their own files."""
        return self.data_root / "service.json"

    def control_socket(self, instance: str) -> Path:
        """The running server's control plane."""
        return self.runtime_dir / f"remotekit-{instance}.sock"

    def door_socket(self, instance: str) -> Path:
        """Where the server of an instance that is reached over ssh listens beside its port, for its user alone."""
        return self.runtime_dir / f"remotekit-{instance}.http.sock"

    def runtime_file(self, instance: str) -> Path:
        """The running server's pid and URL."""
        return self.runtime_dir / f"remotekit-{instance}.json"

    def start_lock(self, instance: str) -> Path:
        """Held by whoever starts the server, until it answers."""
        return self.data_root / f"{instance}.lock"


def instance_of(socket: Path) -> str:
    """The instance whose control socket, or whose socket for ssh, that is."""
    return socket.name.removeprefix("remotekit-").removesuffix(".sock").removesuffix(".http")


# Root's own record of what it wrote below /etc: those of the user are not root's to write.
SYSTEM = Layout(Path("/etc/jupyter"), Path("/var/lib/jupyter"), Path("/run/jupyter"))
