"""The least of a Django project that django-hordak needs; it runs in hordak's own environment."""

import os

SECRET_KEY = "bench"  # signs nothing
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "mptt", "djmoney", "hordak"]
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": os.environ["PEER_HOST"],
        "PORT": os.environ["PEER_PORT"],
        "USER": os.environ["PEER_USER"],
        "PASSWORD": os.environ["PEER_PASSWORD"],
        "NAME": os.environ["PEER_DATABASE"],
        "CONN_MAX_AGE": None,  # one connection for good, as ours
        "OPTIONS": {"server_side_binding": True},  # so that the driver may prepare what it sees often
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
DEFAULT_CURRENCY = HORDAK_INTERNAL_CURRENCY = "CNY"
HORDAK_DECIMAL_PLACES = 0
