"""The catalogue: what credit information is collected, about whom, from whom, on which legal basis."""
