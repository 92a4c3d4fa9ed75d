"""``pretix_seed.py COUNT``: an event with as many paid tickets, one an order, and a scanner, in pretix's environment.

Prints JSON: the organizer's slug, the check-in list's id, the scanner's token and the tickets' secrets. An event as it
comes: no questions, no rules, no webhooks, no seating, the plugins that pretix enables by itself.
"""

import json
import os
import sys
from datetime import timedelta

os.environ["DJANGO_SETTINGS_MODULE"] = "pretix.settings"

import django

django.setup()

from django.utils.crypto import get_random_string
from django.utils.timezone import now
from django_scopes import scopes_disabled
from pretix.base.models import Device, Event, Order, OrderPosition, Organizer


def seed(count):
    organizer = Organizer.objects.create(name="bench", slug="bench")
    event = Event.objects.create(
        organizer=organizer, name="bench", slug="bench", currency="CNY", live=True,
        date_from=now(), date_to=now() + timedelta(days=1),
    )  # fmt: skip
    event.set_defaults()
    item = event.items.create(name="ticket", default_price=0, admission=True)
    quota = event.quotas.create(name="all", size=None)
    quota.items.add(item)
    lists = event.checkin_lists.create(name="door", all_products=True)
    scanner = Device.objects.create(
        organizer=organizer, name="scanner", all_events=True, initialized=now(), api_token=get_random_string(64),
        hardware_brand="bench", software_brand="bench",
    )  # fmt: skip
    secrets = _tickets(organizer, event, item, count)
    return {"organizer": organizer.slug, "list": lists.pk, "token": scanner.api_token, "secrets": secrets}


def _tickets(organizer, event, item, count):
    channel = organizer.sales_channels.get(identifier="web")
    orders = Order.objects.bulk_create(
        Order(
            organizer=organizer, event=event, code=f"B{number:06d}", status=Order.STATUS_PAID, email="a@example.org",
            datetime=now(), expires=now() + timedelta(days=10), total=0, locale="en", sales_channel=channel,
        )
        for number in range(count)
    )  # fmt: skip
    positions = OrderPosition.objects.bulk_create(
        OrderPosition(
            organizer=organizer, order=order, item=item, price=0, positionid=1, secret=get_random_string(32),
            pseudonymization_id=f"P{number:09d}", tax_rate=0, tax_value=0, attendee_name_parts={"_scheme": "full"},
        )
        for number, order in enumerate(orders)
    )  # fmt: skip
    return [each.secret for each in positions]


if __name__ == "__main__":
    with scopes_disabled():
        print(json.dumps(seed(int(sys.argv[1]))))
