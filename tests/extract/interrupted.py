"""Extracts customers as the flow does, to be interrupted: `python -m tests.extract.interrupted URL FOLDER ENDS`."""

from __future__ import annotations

import sys

from prefect_stripe.client import ClientConfig, StripeClient
from prefect_stripe.flows.extract_store import Folder
from prefect_stripe.flows.extract_work import extract_tables
from prefect_stripe.flows.extracting import Extraction


class Progress:
    """Tells nobody, as there is no run of Prefect's."""

    def tell(self, done: int) -> None:
        pass


if __name__ == "__main__":
    url, folder, ends = sys.argv[1:]
    client = StripeClient(ClientConfig(api_key="sk_test_killed", api_base=url))
    asked = Extraction("test:", Folder(folder), ends=int(ends), in_flight=2, page_size=5, most_rows=20)
    extract_tables(client, ["customers"], asked, Progress())
