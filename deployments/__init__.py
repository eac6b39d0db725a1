"""How the flows get onto a Prefect server: `prefect.yaml` for workers, `serve` for one process."""
