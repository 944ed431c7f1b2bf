"""Training: the only package that imports torch, transformers' models, trl and peft."""
