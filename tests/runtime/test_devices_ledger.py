"""The ledger of transfers."""

from __future__ import annotations

from wengert.compiler.runtime.ledger import Ledger


def filled(count: int, capacity: int = 100) -> Ledger:
    ledger = Ledger(capacity)
    for k in range(count):
        direction = "to host" if k % 2 else "to device"
        ledger.record(f"a{k}", 1000 * (k + 1), direction, 0.5, "first use", "cuda:0")
    return ledger


def test_entries_in_order_with_totals():
    entries = filled(4).transfers()
    assert [t.order for t in entries] == [0, 1, 2, 3]
    assert entries.bytes("to device") == 4000 and entries.bytes("to host") == 6000 and entries.bytes() == 10000
    assert entries.milliseconds == 2.0
    assert "4 transfers" in repr(entries) and "first use" in entries._repr_html_()


def test_since_a_mark():
    ledger = filled(3)
    mark = ledger.mark
    assert len(ledger.since(mark)) == 0
    ledger.record("x", 8, "to host", 0.0, "result read", "cuda:0")
    assert [t.array for t in ledger.since(mark)] == ["x"]
    assert ledger.since(mark)[0].gigabytes_per_second == 0.0


def test_bounded_and_it_says_so():
    entries = filled(7, capacity=5).transfers()
    assert [t.order for t in entries] == [2, 3, 4, 5, 6]
    assert "2 older ones" in repr(entries)


def test_clear_keeps_counting():
    ledger = filled(3)
    ledger.clear()
    assert repr(ledger.transfers()) == "no transfers"
    assert ledger.record("x", 8, "to host", 0.1, "", "cuda:0").order == 3
    assert ledger.transfers().dropped == 0
