"""`python -m prefect_stripe.deployments`: where the `prefect.yaml` is that `prefect deploy` takes."""

from __future__ import annotations

from prefect_stripe.deployments.serve import PREFECT_FILE

if __name__ == "__main__":
    print(PREFECT_FILE)
