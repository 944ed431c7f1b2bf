"""The model and the datasets that work with no Hub in reach."""
