"""The names of what works with no Hub in reach, as settings give them."""

BUILTIN_MODEL = "HuggingFaceTB/SmolLM2-135M-Instruct"
BUILTIN_DATASET = "facts_to_json"
BUILTIN_DATASETS = (BUILTIN_DATASET, "facts_pairs", "facts_rated", "sums")
