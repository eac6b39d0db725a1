"""pyarrow, which says nothing of its types: what it is made of is named here, so that signatures can be read."""

from __future__ import annotations

from typing import Any, TypeAlias

import pyarrow
import pyarrow.compute
import pyarrow.csv
import pyarrow.parquet

pa: Any = pyarrow
pc: Any = pyarrow.compute
csv: Any = pyarrow.csv
pq: Any = pyarrow.parquet

Array: TypeAlias = Any
Batch: TypeAlias = Any
DataType: TypeAlias = Any
Schema: TypeAlias = Any
Table: TypeAlias = Any
