"""What became of the operations that were executed in this process."""

from collections import Counter

from gateway.metrics import EXECUTIONS


def executions() -> Counter[tuple[str, str]]:
    """How many operations were executed so far, by how and reason (``EXECUTIONS``)."""
    return Counter(
        {
            (sample.labels["how"], sample.labels["reason"]): int(sample.value)
            for metric in EXECUTIONS.collect()
            for sample in metric.samples
            if sample.name.endswith("_total")
        }
    )
