"""SmolFactory's page: python app.py, then open the address it prints. A Space starts it too."""

import sys
import threading

from core.errors import UserError
from core.jobs.liveness import reconcile
from core.jobs.recovery import go_on
from core.machine.loading import loading
from core.runs.store import RunStore
from core.settings import load_settings
from interface.access.listener import listen
from interface.display.gradio_import import lean_import


def main() -> int:
    try:
        settings = load_settings()
        listener = listen(settings)
        # Imported here, so that a taken port is told at once: Gradio takes seconds.
        with loading(), lean_import():
            from interface import server

        store = RunStore(settings.home)
        reconcile(store)
        # What the Hub keeps may take minutes to download; the page doesn't wait for it.
        threading.Thread(target=go_on, args=(store, settings.token), daemon=True).start()
        server.serve(server.build_app(settings), listener, settings)
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nThe page is closed. Runs go on; start it again to see them.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
