"""``python -m explainers``: the command line (explainers/commands/main.py)."""

import sys

from explainers.commands.main import main

if __name__ == "__main__":
    sys.exit(main())
