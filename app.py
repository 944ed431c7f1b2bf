"""SmolFactory's page: python app.py, then open the address it prints. A Space starts it too."""

import sys
import threading
import time

from pydantic import SecretStr

from core import launcher
from core.bring_back import bring_back_unfinished
from core.errors import HubUnreachable, UserError
from core.runs import RunStore
from core.settings import load_settings
from interface.listener import listen

ASK_AGAIN_SECONDS = 300


def main() -> int:
    try:
        settings = load_settings()
        listener = listen(settings)
        # Imported here, so that a taken port is told at once: Gradio takes seconds.
        from interface import server

        store = RunStore(settings.home)
        launcher.reconcile(store)
        # What the Hub keeps may take minutes to download; the page doesn't wait for it.
        threading.Thread(target=go_on, args=(store, settings.token), daemon=True).start()
        server.serve(server.build_app(settings), listener, settings)
    except UserError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("\nThe page is closed. Runs go on; start it again to see them.\n")
    return 0


def go_on(store: RunStore, token: SecretStr | None) -> None:
    """Resume what is to resume by itself, whether it is here or kept on the Hub."""
    launcher.resume_interrupted(store, token=token)
    while token is not None:
        try:
            is_all = bring_back_unfinished(store, token=token)
            launcher.resume_interrupted(store, token=token)
            if is_all:
                return
        except HubUnreachable as error:
            sys.stderr.write(f"Runs kept on the Hub will be looked for again: {error}\n")
        except UserError as error:
            sys.stderr.write(f"Runs kept on the Hub were not looked for: {error}\n")
            return
        time.sleep(ASK_AGAIN_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
