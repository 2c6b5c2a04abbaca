"""Runs the packages server: `python -m tools.servers.packages`."""

from tools.servers.launch import Program, launch

PROGRAM = Program(
    name="packages",
    summary="Metadata and licences of the Python packages installed in an environment.",
    environment=(
        (
            "SWITCHYARD_PACKAGES_PYTHON_PATH",
            "site-packages folder to look at (default: this interpreter's own)",
        ),
        (
            "SWITCHYARD_LICENCE_POLICY",
            "policy file (default: config/licence-policy.yaml of the repository)",
        ),
    ),
)

if __name__ == "__main__":
    raise SystemExit(launch(PROGRAM))
