"""The command line: the same runs as the page's, by the same core."""
