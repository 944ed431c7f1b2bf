"""The process that answers what the model will see. No torch in it."""
