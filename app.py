"""SmolFactory's page: python app.py, then open the address it prints. A Space starts it too."""

import sys

from core import launcher
from core.errors import UserError
from core.runs import RunStore
from core.settings import load_settings
from interface.listener import listen


def main() -> int:
    try:
        settings = load_settings()
        listener = listen(settings)
        # Imported here, so that a taken port is told at once: Gradio takes seconds.
        from interface import server

        launcher.reconcile(RunStore(settings.home))
        server.serve(server.build_app(settings), listener, settings)
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nThe page is closed. Runs go on; start it again to see them.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
