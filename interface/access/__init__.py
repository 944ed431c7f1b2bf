"""Who may do what, and which requests are answered at all."""
