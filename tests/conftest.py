"""What all tests share: how hard property tests try."""

import os

from hypothesis import settings

# Quick by default, so that the unit tests stay a habit; HYPOTHESIS_PROFILE=thorough looks longer.
settings.register_profile("quick", max_examples=60, deadline=None)
settings.register_profile("thorough", max_examples=2000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))
