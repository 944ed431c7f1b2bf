"""The Runs tab: the list, one run's page, its charts and buttons."""
