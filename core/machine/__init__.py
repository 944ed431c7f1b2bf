"""This machine: its hardware, its processes, its disk. Knows nothing of runs."""
