"""信易+ (Xinyi Plus): the backend of a city's citizen credit and points programme."""

import gc

__version__ = "0.1.0"

gc.set_threshold(50_000, 20, 20)
"""A start makes some hundred thousand objects that stay; looking for rubbish after every 700 of them is a quarter of
its time. A request's own objects are freed as they are left, and what is in circles by the next look."""
