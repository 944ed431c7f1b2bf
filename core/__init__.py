"""SmolFactory's core: runs, the processes behind them, and the command line. No web page here."""
