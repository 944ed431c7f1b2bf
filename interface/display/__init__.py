"""How things look on the page, whatever they are."""
