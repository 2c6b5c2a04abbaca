"""The settings of this process, read once at the start from the environment and passed down."""

from __future__ import annotations

import os
from pathlib import Path

from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from runtime.errors import ConfigError

ROOT = Path(__file__).resolve().parent.parent
"""The folder that holds `langgraph.json`: our packages, configuration and documents."""


class Settings(BaseSettings):
    """Environment variables `SWITCHYARD_*`; every one has a default that needs no key."""

    model_config = SettingsConfigDict(env_prefix="SWITCHYARD_", frozen=True, extra="ignore")

    home: Path = Path(".switchyard")
    """Where the ledger, the checkpoints and the sample data live."""
    ledger_url: SecretStr = SecretStr("")
    """Database URL of the ledger and, for PostgreSQL, the checkpoints; empty for SQLite under
    `home`. It may hold a password, so it is never shown."""
    audit_key: SecretStr = SecretStr("")
    """Secret that the audit is chained with; empty for the one in the file `audit.key`. All
    processes on one ledger need the same. Never shown."""
    config: Path = ROOT / "config"
    """Folder with models.yaml, mcp.json, limits.yaml, routing.yaml and policy/."""
    specialists: Path = ROOT / "agents" / "specialists"
    """Folder of specialist files."""
    docs: Path = ROOT / "docs"
    """The folder that a request reads when it names none."""
    docs_roots: str = os.pathsep.join((str(ROOT / "docs"), str(ROOT / "examples")))
    """Folders that callers over the API may name, separated as in PATH."""
    retention_days: int = Field(default=30, ge=1)
    """How long model answers and tool results are kept for replay."""
    api_keys: str = Field(default="", repr=False)
    """`name:key` pairs, comma separated. Empty: the server answers anybody who can reach it."""

    @property
    def ledger(self) -> str:
        """The ledger's database URL. It may hold a password."""
        given = self.ledger_url.get_secret_value().strip()
        return given or f"sqlite:///{self.home.resolve() / 'ledger.sqlite'}"

    @property
    def checkpoints(self) -> Path:
        """The file of LangGraph's checkpoints, where the ledger is not on PostgreSQL."""
        return self.home.resolve() / "checkpoints.sqlite"

    def for_servers(self) -> dict[str, str]:
        """Environment of the bundled tool servers: where they find and keep their data.

        A place that the operator set for one of them alone goes before ours.
        """
        home = self.home.resolve()
        places = {
            "SWITCHYARD_CRM_DB": str(home / "crm.sqlite"),
            "SWITCHYARD_OUTBOX": str(home / "outbox.sqlite"),
            "SWITCHYARD_LICENCE_POLICY": str(self.config / "licence-policy.yaml"),
        }
        own = {name: os.environ[name] for name in places if name in os.environ}
        return (
            places
            | own
            | {
                "SWITCHYARD_DOCS_ROOTS": os.pathsep.join(
                    (str(self.docs.resolve()), self.docs_roots)
                )
            }
        )


def load() -> Settings:
    """Read the settings.

    Raises:
        ConfigError: a variable has a value that cannot be read.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = error.errors()[0]
        name = "SWITCHYARD_" + "_".join(str(part) for part in first["loc"]).upper()
        raise ConfigError(
            f"{name}={first['input']!r}: {first['msg']}",
            file="environment",
            field=name,
            remedy=f"Set {name} to a fitting value, or unset it.",
        ) from error
