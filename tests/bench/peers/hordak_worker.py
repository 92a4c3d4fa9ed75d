"""``hordak_worker.py prepare COUNT | work | count``: django-hordak's transfers, in hordak's own environment.

``work`` reads a number of seconds a line and answers each line with what it did in that time, as JSON.
"""

import json
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
os.environ["DJANGO_SETTINGS_MODULE"] = "hordak_settings"

import django

django.setup()

from django.core.management import call_command
from django.db import transaction
from django.db.models import Sum
from hordak.models import Account, Leg, Transaction
from moneyed import Money


def prepare(count):
    """A partner's account, and one for each resident."""
    call_command("migrate", verbosity=0)
    Account.objects.create(name="partner", code="0", type="LI", currencies=["CNY"])
    for number in range(1, count + 1):
        Account.objects.create(name=f"resident {number}", code=str(number), type="LI", currencies=["CNY"])


def work():
    partner, *residents = Account.objects.order_by("id")
    amount, number = Money(7, "CNY"), os.getpid()
    print("ready", flush=True)
    for line in sys.stdin:
        seconds, times, cpu, started = float(line), [], time.process_time(), time.perf_counter()
        while (before := time.perf_counter()) - started < seconds:
            number += 1
            with transaction.atomic():
                residents[number % len(residents)].transfer_to(partner, amount, description="bench")
            times.append(time.perf_counter() - before)
        print(json.dumps({"times": times, "seconds": time.perf_counter() - started,
                          "cpu": time.process_time() - cpu}), flush=True)  # fmt: skip


def count():
    """How many transfers stand, once it is sure that they are whole."""
    sums = Leg.objects.aggregate(debit=Sum("debit"), credit=Sum("credit"))
    made = Transaction.objects.count()
    assert sums["debit"] == sums["credit"] == 7 * made and Leg.objects.count() == 2 * made
    print(made)


if __name__ == "__main__":
    {"prepare": lambda: prepare(int(sys.argv[2])), "work": work, "count": count}[sys.argv[1]]()
