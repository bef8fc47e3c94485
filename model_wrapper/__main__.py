"""`python -m model_wrapper [CLASS]`: serve one component of the graph."""

import os
import sys

from model_wrapper.seldon.start import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
