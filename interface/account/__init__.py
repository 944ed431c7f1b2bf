"""The Account tab: whose token, and the Space that we run on."""
