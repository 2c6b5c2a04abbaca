"""Runs the sample CRM server: `python -m tools.servers.crm`."""

from tools.servers.launch import Program, launch

PROGRAM = Program(
    name="crm",
    summary="Customers, orders and support tickets of an invented shop, read from SQLite.",
    environment=(
        (
            "SWITCHYARD_CRM_DB",
            "SQLite file; made with sample data if missing (default .switchyard/crm.sqlite)",
        ),
    ),
)

if __name__ == "__main__":
    raise SystemExit(launch(PROGRAM))
