"""Where we connect to: nowhere but to the public network, however it is spelled and whatever the DNS says."""

from __future__ import annotations

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.webhooks import addresses, sending
from backend.webhooks.addresses import Unacceptable
from tests.webhook_receiver import Receiver

pytestmark = pytest.mark.once
PUBLIC = "8.8.4.4"


def judged(url: str, *found: str, private_hosts: frozenset[str] = frozenset()) -> Any:
    return sending.Line(private_hosts, lambda _host, _port: list(found or (PUBLIC,))).judged(url)


def reason(url: str, *found: str, **named: Any) -> str:
    with pytest.raises(Unacceptable) as caught:
        judged(url, *found, **named)
    return caught.value.reason


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://till.example.cn/hook", ("https", "till.example.cn", 443, "/hook")),
        ("HTTPS://Till.Example.CN", ("https", "till.example.cn", 443, "/")),
        ("https://till.example.cn:8443/a?b=c", ("https", "till.example.cn", 8443, "/a?b=c")),
        ("https://xn--fiqs8s.example.cn/", ("https", "xn--fiqs8s.example.cn", 443, "/")),
        ("https://8.8.4.4/x", ("https", "8.8.4.4", 443, "/x")),
        ("https://[2400:3200::1]:1024/", ("https", "2400:3200::1", 1024, "/")),
        ("https://a.b/?u=http://c.d/@x", ("https", "a.b", 443, "/?u=http://c.d/@x")),
    ],
)
def test_public_addresses_are_taken(url: str, expected: tuple[Any, ...]) -> None:
    target, _ = judged(url)
    assert tuple(target) == expected


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://till.example.cn/", "scheme"), ("ftp://till.example.cn/", "scheme"), ("//till.example.cn/", "scheme"),
        ("https:till.example.cn", "scheme"), ("https:/till.example.cn", "scheme"), ("file:///etc/passwd", "scheme"),
        ("javascript:alert(1)", "scheme"), ("gopher://till.example.cn/", "scheme"), ("till.example.cn", "scheme"),
        ("https://user:secret@till.example.cn/", "credentials"), ("https://till.example.cn@8.8.4.4/", "credentials"),
        ("https://@till.example.cn/", "credentials"), ("https://till.example.cn/#x", "fragment"),
        ("https://till.example.cn:80/", "port"), ("https://till.example.cn:22/", "port"),
        ("https://till.example.cn:1023/", "port"), ("https://till.example.cn:0/", "port"),
        ("https://till.example.cn:65536/", "host"), ("https://till.example.cn:+443/", "host"),
        ("https://till.example.cn:443x/", "host"), ("https://till.example.cn:/", "host"),
        ("https://till.example.cn./", "host"), ("https://127.0.0.1./", "host"), ("https://.example.cn/", "host"),
        ("https://till..example.cn/", "host"), ("https://-a.example.cn/", "host"), ("https://a_b.example.cn/", "host"),
        ("https://%31%32%37.0.0.1/", "host"), ("https://till.example.cn%2f/", "host"), ("https://", "host"),
        ("https:///x", "host"), (f"https://{'a' * 64}.cn/", "host"),
        ("https://中国.example.cn/", "spelling"), ("https://１２７.０.０.１/", "spelling"),
        ("https://127。0。0。1/", "spelling"), ("https://till.example.cn/ x", "spelling"),
        ("https://till.example.cn\\@8.8.4.4/", "spelling"), ("https://till.example.cn/\r\nX: y", "spelling"),
        ("https://till.example.cn/\t", "spelling"), ("", "spelling"), (f"https://a.cn/{'x' * 500}", "spelling"),
        ("https://localhost/", "address"), ("https://till/", "address"), ("https://a.localhost/", "address"),
        ("https://till.local/", "address"), ("https://till.internal/", "address"), ("https://x.home.arpa/", "address"),
        ("https://2130706433/", "host"), ("https://0x7f000001/", "host"), ("https://0x7f.1/", "host"),
        ("https://0177.0.0.1/", "host"), ("https://127.1/", "host"), ("https://127.0.1/", "host"),
        ("https://0/", "host"), ("https://127.0.0.0x1/", "host"), ("https://127.0.0.01/", "host"),
        ("https://256.0.0.1/", "host"), ("https://0x/", "host"), ("https://1.2.3.4.5/", "host"),
        ("https://[fe80::1%25eth0]/", "host"), ("https://[::1/", "host"), ("https://::1/", "host"),
        ("https://[127.0.0.1]/", "host"), ("https://[v1.x]/", "host"),
    ],
)  # fmt: skip
def test_a_url_of_another_spelling_is_refused(url: str, why: str) -> None:
    assert reason(url) == why


HIDDEN = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.8.9.10", "169.254.169.254",
    "172.16.0.1", "172.31.255.255", "192.168.1.1", "192.0.0.8", "192.0.2.1", "192.88.99.1", "198.18.0.1",
    "198.51.100.9", "203.0.113.7", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::ffff:127.0.0.1", "::ffff:8.8.4.4", "::127.0.0.1", "::ffff:0:7f00:1", "64:ff9b::7f00:1",
    "64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "3fff::1", "fc00::1", "fd12:3456::1",
    "fe80::1", "fec0::1", "ff02::1", "ff0e::1", "4000::1",
]  # fmt: skip


@pytest.mark.parametrize("address", HIDDEN)
def test_a_name_that_stands_for_a_hidden_address_is_refused_and_so_is_the_address(address: str) -> None:
    assert reason("https://till.example.cn/", address) == "address"
    assert reason("https://till.example.cn/", PUBLIC, address) == "address", "one that is hidden spoils the rest"
    host = f"[{address}]" if ":" in address else address
    assert reason(f"https://{host}/") in ("address", "host")


def test_a_zone_is_no_address() -> None:
    assert reason("https://till.example.cn/", "fe80::1%eth0") == "address"


@given(st.integers(0, 2**32 - 1))
def test_no_address_of_four_bytes_that_the_library_calls_private_is_public_here(number: int) -> None:
    address = IPv4Address(number)
    if address.is_private or address.is_multicast or address.is_reserved or address.is_loopback:
        assert not addresses.is_public(address)
    mapped = ip_address(f"::ffff:{address}")
    assert not addresses.is_public(mapped)
    assert not addresses.is_public(IPv6Address((0x2002 << 112) | (number << 80)))


def test_a_name_without_an_address_is_refused() -> None:
    with pytest.raises(Unacceptable) as caught:
        sending.Line(frozenset(), lambda *_: []).judged("https://till.example.cn/")
    assert caught.value.reason == "unresolved"


def test_a_host_that_is_named_may_be_private_but_never_link_local() -> None:
    named = frozenset({"till.intranet", "127.0.0.1"})
    for address in ("10.1.2.3", "127.0.0.1", "100.64.0.1", "fd00::1"):
        assert judged("https://till.intranet/", address, private_hosts=named)[1] == [address]
    for address in ("169.254.169.254", "224.0.0.1", "0.0.0.0", "::ffff:10.0.0.1"):
        assert reason("https://till.intranet/", address, private_hosts=named) == "address"
    assert reason("https://other.example.cn/", "10.1.2.3", private_hosts=named) == "address"
    assert reason("https://sub.till.intranet/", "10.1.2.3", private_hosts=named) == "address"


def test_plain_http_is_for_a_named_host_on_loopback_alone() -> None:
    named = frozenset({"till.intranet", "127.0.0.1"})
    assert judged("http://127.0.0.1:8080/", private_hosts=named)[0].scheme == "http"
    assert reason("http://127.0.0.1/", private_hosts=named) == "port"
    assert reason("http://till.intranet:8080/", "10.1.2.3", private_hosts=named) == "scheme"
    assert reason("http://till.intranet:8080/", PUBLIC, private_hosts=named) == "scheme"


def test_a_name_that_is_another_at_the_second_look_is_connected_to_as_it_was_at_the_first() -> None:
    """DNS rebinding. The resolver answers loopback once it has been asked; the connection never asks it again."""
    asked: list[str] = []
    with Receiver() as receiver:

        def resolve(host: str, _port: int) -> list[str]:
            asked.append(host)
            return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

        line = sending.Line(frozenset({"till.intranet"}), resolve)
        assert line.post(f"http://till.intranet:{receiver.port}/hook", {}, b"{}").status == 200
        assert asked == ["till.intranet"]
        (one,) = receiver.arrived
        assert one.headers["host"] == f"till.intranet:{receiver.port}"


def test_a_name_that_was_public_when_registered_is_refused_when_it_turns_inward(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = iter([[PUBLIC], ["127.0.0.1"], [PUBLIC, "10.0.0.1"]])
    line = sending.Line(frozenset(), lambda *_: next(answers))

    def connect(*_: Any, **__: Any) -> Any:
        raise AssertionError("nothing may be connected to")

    monkeypatch.setattr(socket, "create_connection", connect)
    line.judged("https://till.example.cn/")
    for _ in range(2):
        assert line.post("https://till.example.cn/", {}, b"{}") == sending.Answer(None, "refused-address")
