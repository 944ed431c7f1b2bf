"""A result on the Hub: the push and its model card, a demo Space, measurements."""
