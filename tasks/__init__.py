"""One Prefect task an operation, one module an object; the plain name is sync, the one with an `a` before it async."""

from prefect_stripe.tasks.customers import (
    acreate_customer,
    alist_customers,
    aretrieve_customer,
    create_customer,
    list_customers,
    retrieve_customer,
)

__all__ = [
    "acreate_customer",
    "alist_customers",
    "aretrieve_customer",
    "create_customer",
    "list_customers",
    "retrieve_customer",
]
