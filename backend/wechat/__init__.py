"""WeChat's server-side endpoints, as thinly as they can be called. Enter through ``service``."""
