"""What is asked of a run: its settings, each declared once."""
