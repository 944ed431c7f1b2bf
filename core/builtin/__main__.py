"""Makes the built-in model ready, once: python -m core.builtin"""

import sys

from core.builtin.model import prepare_model, to_stderr
from core.errors import UserError
from core.settings import load_settings


def main() -> int:
    try:
        prepare_model(load_settings().home, to_stderr)
    except UserError as error:
        to_stderr(str(error))
        return 1
    except KeyboardInterrupt:
        to_stderr("Interrupted. The download continues at the next start.")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
