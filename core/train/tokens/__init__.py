"""Rows as tokens and labels: the one path of preview and trainer. No torch in it."""
