from gateway.cache import KeptScan, KeptScans
from gateway.errors import SourceError, SourceErrorCode

DAMAGE = SourceError(SourceErrorCode.TRUNCATED, "the budget ended", source="s")


def scan(rows: int) -> KeptScan:
    return KeptScan(list(range(rows)), DAMAGE, rows)


def test_a_scan_is_kept_for_its_time_and_its_source_only() -> None:
    now = 100.0
    kept = KeptScans(60, 1 << 20, clock=lambda: now)
    kept.put("s", ("plan",), scan(3))
    assert kept.get("s", ("plan",)) == scan(3)
    assert kept.get("other", ("plan",)) is None
    assert kept.get("s", ("another plan",)) is None
    now = 160.0
    assert kept.get("s", ("plan",)) is None


def test_the_oldest_make_room() -> None:
    kept = KeptScans(60, 10 * 4096)
    for name in ("a", "b", "c"):
        kept.put("s", name, scan(4))
    assert kept.get("s", "a") is None
    assert kept.get("s", "b") == kept.get("s", "c") == scan(4)


def test_one_that_is_too_large_is_not_kept_and_displaces_nothing() -> None:
    kept = KeptScans(60, 10 * 4096)
    kept.put("s", "small", scan(4))
    kept.put("s", "large", scan(11))
    assert kept.get("s", "large") is None
    assert kept.get("s", "small") == scan(4)
