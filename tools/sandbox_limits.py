"""How far code in the sandbox may go: the key `sandbox` of an entry in `config/mcp.json`.

Every figure is a ceiling of one call; there is none that can be switched off.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class SandboxLimits(BaseModel):
    """Ceilings of one call. The defaults suit short scripts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    seconds: Annotated[float, Field(gt=0, le=600)] = 20.0
    """Wall time; also of processor time, for each process."""
    memory_bytes: Annotated[int, Field(ge=64_000_000, le=64_000_000_000)] = 512_000_000
    """Of all processes together, and address space of each."""
    processes: Annotated[int, Field(ge=1, le=1_000)] = 32
    """Processes and threads at the same time."""
    workspace_bytes: Annotated[int, Field(ge=100_000, le=1_000_000_000)] = 50_000_000
    """Size of the workspace, and of `/tmp`."""
    file_bytes: Annotated[int, Field(ge=1_000, le=1_000_000_000)] = 20_000_000
    """Largest file that can be written."""
    output_bytes: Annotated[int, Field(ge=1_000, le=10_000_000)] = 100_000
    """Standard output and standard error, each."""
