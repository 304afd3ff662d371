"""Measurements: `python -m tests.benchmarks` prints tables and writes JSON. Nothing here is part of the test run."""
