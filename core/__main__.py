"""The command line: python -m core --help

Exit codes: 0 all is well; 1 the run or the push ended badly; 2 something to put right in what was
asked; 130 interrupted by the keyboard (the run itself goes on).
"""

import sys

from core.cli.output import complain, tell_person
from core.cli.parser import parse
from core.cli.runs import BAD_INPUT, INTERRUPTED
from core.errors import UserError
from core.settings import load_settings


def main(arguments: list[str] | None = None) -> int:
    asked = parse(arguments, description=__doc__)
    try:
        return asked.handler(asked, load_settings())
    except UserError as error:
        complain(error, as_json=asked.json)
        return BAD_INPUT
    except KeyboardInterrupt:
        tell_person("The run goes on. See it with: python -m core runs list")
        return INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
