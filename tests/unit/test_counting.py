"""When sources count for statistics instead of being read, and that the figures are the same."""

from dataclasses import replace
from typing import Any

import pytest

from adapters.memory import ALL_FILTERS, Behaviour
from gateway.errors import SourceErrorCode
from gateway.merge import SourceReportState
from gateway.query import ListQuery
from gateway.spi import ScanPlan
from tests.unit.stats_bench import By, Limited, Order, SpeaksTql, Spy, Status, ask, only, runs


async def test_a_single_count_answers_how_many() -> None:
    spy = Spy("a", runs("a", 1000))
    stats = await ask(spy)
    assert (stats.count, spy.counts, spy.pages) == (1000, [None], 0)
    report = only(stats)
    assert (report.requests, report.scanned, report.taken, report.total) == (1, 0, 0, 1000)


async def test_a_rate_takes_three_counts() -> None:
    spy = Spy("a", runs("a", 1000, list(Status)))
    stats = await ask(spy, by=[By.SOURCE], failures=True)
    (group,) = stats.groups
    truth = [row.status for row in runs("a", 1000, list(Status))]
    failed = sum(truth.count(each) for each in (Status.FAILED, Status.ERRORED, Status.TIMED_OUT, Status.REJECTED))
    assert (group.count, group.failure_count) == (1000, failed)
    assert group.failure_rate == failed / (failed + truth.count(Status.SUCCEEDED))
    assert (only(stats).requests, spy.pages, len(spy.counts)) == (3, 0, 3)


async def test_statuses_are_counted_one_by_one_where_reading_takes_more() -> None:
    spy = Spy("a", runs("a", 3000, list(Status)), Behaviour(largest_page=200))
    stats = await ask(spy, by=[By.STATUS], order=Order.KEY, descending=False)
    assert [(group.labels[By.STATUS], group.count) for group in stats.groups] == [(status, 250) for status in Status]
    # The last is what the others leave.
    assert (only(stats).requests, spy.pages) == (12, 0)
    few = Spy("a", runs("a", 300, list(Status)), Behaviour(largest_page=200))
    stats = await ask(few, by=[By.STATUS])
    assert (len(few.counts), few.pages > 0, stats.count, only(stats).state) == (1, True, 300, SourceReportState.OK)
    assert only(stats).requests == 1 + few.pages


async def test_what_is_counted_is_what_is_read() -> None:
    """Whoever reads statuses, outcomes or failures, or sorts by them, gets the same either way."""
    spies = [Spy(name, runs(name, 3000 + 12 * n, list(Status)[n:])) for n, name in enumerate("abc")]
    questions: list[dict[str, Any]] = [
        {"by": [By.SOURCE], "statuses": True},
        {"by": [By.OUTCOME], "failures": True},
        {"by": [By.SOURCE, By.OUTCOME]},
        {"by": [By.SOURCE], "order": Order.FAILURE_RATE},
        {"by": [By.SOURCE], "order": Order.FAILURES, "descending": False},
    ]
    for question in questions:
        counted = await ask(*spies, **question)
        assert counted.scanned_rows == 0
        read = await ask(*[Spy(spy.name, spy.rows, Behaviour(counts=False)) for spy in spies], **question)
        assert read.scanned_rows >= read.count == counted.count
        assert [(group.labels, group.count) for group in counted.groups] == [
            (each.labels, each.count) for each in read.groups
        ]
        if "statuses" in question:
            assert [group.statuses for group in counted.groups] == [group.statuses for group in read.groups]
        if question["by"] != [By.SOURCE, By.OUTCOME]:
            assert [group.failure_rate for group in counted.groups] == [group.failure_rate for group in read.groups]


async def test_one_status_that_cannot_be_asked_for_is_what_the_others_leave() -> None:
    rows = runs("a", 3000, [Status.RUNNING, Status.SUCCEEDED, Status.UNKNOWN])
    spy = Limited("a", rows)
    spy.unknown, spy.lacking = frozenset({Status.UNKNOWN}), frozenset({Status.REJECTED, Status.SKIPPED})
    stats = await ask(spy, by=[By.STATUS], order=Order.KEY, descending=False)
    assert [(group.labels[By.STATUS].value, group.count) for group in stats.groups] == [
        ("RUNNING", 1000),
        ("SUCCEEDED", 1000),
        ("UNKNOWN", 1000),
    ]
    assert (spy.pages, only(stats).requests) == (0, 1 + 12 - 3)


async def test_with_two_of_them_it_is_read_without_a_count() -> None:
    spy = Limited("a", runs("a", 3000, list(Status)))
    spy.unknown = frozenset({Status.UNKNOWN, Status.PENDING})
    stats = await ask(spy, by=[By.STATUS])
    assert (spy.counts, stats.count, stats.partial) == ([], 3000, False)


async def test_a_count_that_may_be_wrong_is_not_asked_for() -> None:
    class Careful(Spy):
        def plan(self, query: ListQuery) -> ScanPlan:
            return replace(super().plan(query), caveat="Some may be missing.")

    careful = Careful("a", runs("a", 30))
    report = only(await ask(careful))
    assert (careful.counts, report.state, report.taken) == ([], SourceReportState.TRUNCATED, 30)
    unable = SpeaksTql("a", runs("a", 30))
    report = only(await ask(unable))
    assert (unable.counts, report.state) == ([], SourceReportState.FAILED)
    assert report.error is not None
    assert report.error.code is SourceErrorCode.UNSUPPORTED


@pytest.mark.parametrize(
    ("options", "behaviour"),
    [
        ({"durations": True}, Behaviour()),
        ({"order": Order.DURATION_P95}, Behaviour()),
        ({"by": [By.SOURCE, By.DAY]}, Behaviour()),
        ({}, Behaviour(counts=False)),
        ({}, Behaviour(filters=ALL_FILTERS - {"createdAt"})),
        ({"failures": True}, Behaviour(filters=ALL_FILTERS - {"status"})),
    ],
)
async def test_what_cannot_be_counted_is_read(options: Any, behaviour: Behaviour) -> None:
    spy = Spy("a", runs("a", 1000), replace(behaviour, largest_page=500))
    stats = await ask(spy, **options)
    assert (stats.count, spy.counts) == (1000, [])
    assert spy.pages >= 2
    assert only(stats).taken == 1000


async def test_a_source_that_does_not_tell_after_all_is_read() -> None:
    spy = Spy("a", runs("a", 30))
    spy.counted = None
    stats = await ask(spy)
    assert (stats.count, len(spy.counts), spy.pages) == (30, 1, 1)
    assert only(stats).requests == 2


async def test_a_bug_in_counting_is_the_sources_fault() -> None:
    spy = Spy("a", runs("a", 30))
    spy.fault = ZeroDivisionError()
    report = only(await ask(spy))
    assert report.error is not None
    assert (report.state, report.error.code) == (SourceReportState.FAILED, SourceErrorCode.INTERNAL)
