"""Datasets: where rows come from, and what shape an example has."""
