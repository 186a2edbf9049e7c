"""``python -m ingestd``."""

import sys

from ingestd.cli.main import main

sys.exit(main())
