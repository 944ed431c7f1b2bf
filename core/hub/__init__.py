"""The Hugging Face Hub: who we are there, what may be done, what it has."""
