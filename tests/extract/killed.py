"""Extracts customers into a folder: a process to be killed. Run as `python -m tests.extract.killed URL FOLDER ENDS`."""

from __future__ import annotations

import sys

from prefect_stripe.client import ClientConfig, StripeClient
from prefect_stripe.flows.extract_store import Folder
from prefect_stripe.flows.extract_tables import TABLES
from prefect_stripe.flows.extracting import Extraction, extract_table

if __name__ == "__main__":
    url, folder, ends = sys.argv[1:]
    client = StripeClient(ClientConfig(api_key="sk_test_killed", api_base=url))
    asked = Extraction("test:", Folder(folder), ends=int(ends), in_flight=2, page_size=5, most_rows=20)
    extract_table(client, TABLES["customers"], asked)
