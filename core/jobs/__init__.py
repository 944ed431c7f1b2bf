"""A run's way from Start to its end: checks, launch, supervision, diagnosis, recovery."""
