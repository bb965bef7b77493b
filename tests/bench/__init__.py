"""Benchmarks: they report, and assert nothing about time."""
