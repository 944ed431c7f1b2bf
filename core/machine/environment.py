"""The environment of the processes we start: named variables only, so no secret comes along.

The one secret that a child may get is a Hugging Face token, as HF_TOKEN; `core.hub.client` says how
it travels.
"""

import os
from collections.abc import Mapping

from pydantic import SecretStr

_ALLOWED = (
    "PATH", "HOME", "USER", "LANG", "LC_ALL", "TZ", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH",
    "LD_PRELOAD", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "HTTP_PROXY",
    "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
    "HF_HOME", "HF_HUB_CACHE", "HF_DATASETS_CACHE", "HF_ENDPOINT", "HF_HUB_OFFLINE",
    "HF_HUB_DISABLE_XET", "HF_HUB_ETAG_TIMEOUT", "HF_HUB_DOWNLOAD_TIMEOUT", "XDG_CACHE_HOME",
    "XDG_DATA_HOME", "SMOLFACTORY_HOME", "SMOLFACTORY_HUB_SECONDS", "SMOLFACTORY_WARM",
    "CUDA_VISIBLE_DEVICES", "CUDA_HOME", "NVIDIA_VISIBLE_DEVICES", "OMP_NUM_THREADS",
    "MKL_NUM_THREADS", "COVERAGE_PROCESS_START", "SPACE_ID", "PYTHONWARNINGS",
)  # fmt: skip

# Read wherever they are needed. Libraries read the others as they are imported.
_READ_LATE = {"TMPDIR", "SMOLFACTORY_HOME", "SMOLFACTORY_WARM", "SPACE_ID"}


def allowed_environment(
    *, token: SecretStr | None, variables: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The variables a child process may see. `token` is the one that it may use; None for none.

    They are this process's own, unless `variables` are those of another that asked for the child.
    """
    given = os.environ if variables is None else variables
    environment = {name: given[name] for name in _ALLOWED if name in given}
    environment |= {"PYTHONUNBUFFERED": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    if token is not None:
        environment["HF_TOKEN"] = token.get_secret_value()
    else:
        # Otherwise the Hub's client would take the one that `hf auth login` has stored.
        environment["HF_TOKEN_PATH"] = os.devnull
    return environment


def read_once(environment: Mapping[str, str]) -> dict[str, str]:
    """Of an environment, what libraries go by for good once they are imported."""
    names = (name for name in _ALLOWED if name in environment and name not in _READ_LATE)
    return {name: environment[name] for name in names}
