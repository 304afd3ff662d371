"""``python -m models.training``: trains the bundled encoders (models/training/train.py)."""

import sys

from models.training.train import main

if __name__ == "__main__":
    main(sys.argv[1:])
