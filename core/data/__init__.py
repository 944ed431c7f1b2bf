"""Datasets: where rows come from, and what format an example has."""
