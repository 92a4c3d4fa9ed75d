"""信易+ (Xinyi Plus): the backend of a city's citizen credit and points programme."""

__version__ = "0.1.0"
