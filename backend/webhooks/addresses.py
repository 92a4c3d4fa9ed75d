"""Which addresses a webhook may have: pure functions, standard library only.

A partner chooses where we connect to, so that whatever only our own network reaches must be out of reach (server-side
request forgery; OWASP SSRF Prevention Cheat Sheet, IANA's special-purpose registries, RFC 6890). What is not plainly
a public address is refused. URLs have one spelling here, so that no two readers of one can disagree.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import NamedTuple
from urllib.parse import urlsplit

Address = IPv4Address | IPv6Address
LEAST_PORT = 1024
MOST_URL = 500
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*")
_HOME = ("localhost", "local", "localdomain", "internal", "intranet", "lan", "home.arpa", "onion", "invalid", "test")
"""Names that mean nothing on the public network (RFC 6761, RFC 6762, RFC 8375)."""

_NEVER = [
    ip_network(text)
    for text in (
        "0.0.0.0/8", "169.254.0.0/16", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15",
        "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
        "::/128", "::ffff:0:0/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23",
        "2001:db8::/32", "2002::/16", "3fff::/20", "5f00::/16", "fe80::/10", "fec0::/10", "ff00::/8",
    )
]  # fmt: skip
"""No receiver stands here, or another address is hidden within (mapped, NAT64, 6to4, Teredo)."""
_PRIVATE = [
    ip_network(text)
    for text in ("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7")
]
"""Ours, or a neighbour's behind the same carrier: only for hosts that the installation names."""
_GLOBAL_V6 = ip_network("2000::/3")


class Unacceptable(ValueError):
    """Why a URL is refused: a word, and what it means in Chinese and English."""

    def __init__(self, reason: str, zh: str, en: str) -> None:
        super().__init__(reason)
        self.reason, self.zh, self.en = reason, zh, en


class Target(NamedTuple):
    """A URL taken apart. ``host``: lower case, an IPv6 address without brackets. ``path``: with its query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """As the Host header says it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == 443 and self.scheme == "https" else f"{host}:{self.port}"


def parse(url: str, private_hosts: Collection[str] = ()) -> Target:
    """Take a webhook's URL apart. Raises Unacceptable.

    ``https`` on port 443 or 1024 and above, nobody's name and password in it, no fragment, ASCII only (an
    internationalised name as ``xn--…``), a name of several labels or a public IP address in its usual spelling.
    ``http`` is for hosts among ``private_hosts``, and ``judge`` keeps it to loopback.
    """
    if not 1 <= len(url) <= MOST_URL or not url.isascii() or re.search(r"[\x00-\x20\x7f\\^`{}|<>\"]", url):
        raise Unacceptable("spelling", "网址含有空格、控制字符或非 ASCII 字符；中文域名请写成 xn-- 形式。",
                           "Only ASCII without spaces; write an internationalised name as xn--….")  # fmt: skip
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _spelling() from None
    if parts.scheme not in ("https", "http") or not url[len(parts.scheme) :].startswith("://"):
        raise Unacceptable("scheme", "只接受 https:// 地址。", "Only https:// is accepted.")
    if "@" in parts.netloc:
        raise Unacceptable("credentials", "网址里不能有用户名和口令。", "No user name or password in the URL.")
    if "#" in url:
        raise Unacceptable("fragment", "网址里不能有 # 片段。", "No fragment in the URL.")
    host = _host(parts.netloc, private_hosts)
    if parts.scheme == "http" and host not in private_hosts:
        raise Unacceptable("scheme", "只接受 https:// 地址。", "Only https:// is accepted.")
    port = port if port is not None else {"https": 443, "http": 80}[parts.scheme]
    if port != 443 and port < LEAST_PORT:
        raise Unacceptable("port", "端口只能是 443 或 1024 以上。", "The port is 443, or 1024 and above.")
    return Target(parts.scheme, host, port, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""))


def _spelling() -> Unacceptable:
    return Unacceptable("host", "主机名写法不对。", "The host is not spelled as a host is.")


def _host(netloc: str, private_hosts: Collection[str]) -> str:
    """The host out of the authority itself: ``hostname`` of the library forgives too much."""
    found = re.fullmatch(r"(\[[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*\]|[A-Za-z0-9.-]+)(:[0-9]{1,5})?", netloc)
    if found is None:
        raise _spelling()
    host = found[1].lower()
    if host.startswith("["):
        return _literal(host[1:-1])
    last = host.rpartition(".")[2]
    if not last or _NUMBER.fullmatch(last):  # a browser and inet_aton would read 0x7f.1, 0177.0.0.1 and 2130706433 too
        return _literal(host)
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in host.split(".")):
        raise _spelling()
    if host not in private_hosts and ("." not in host or any(host == one or host.endswith(f".{one}") for one in _HOME)):
        raise _private()
    return host


def _literal(host: str) -> str:
    """An IP address in its one usual spelling: no octal, no hexadecimal, no fewer than four parts, no zone."""
    try:
        return str(ip_address(host))
    except ValueError:
        raise _spelling() from None


def _private() -> Unacceptable:
    return Unacceptable("address", "这个地址不在公共网络上。", "This address is not on the public network.")


def is_public(address: Address) -> bool:
    """Whether an address is one of the public network, reachable by anybody, and hides no other."""
    return not _within(address, _NEVER) and not _within(address, _PRIVATE) and _is_global(address)


def _is_global(address: Address) -> bool:
    if isinstance(address, IPv6Address) and address not in _GLOBAL_V6:
        return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _within(address: Address, networks: Sequence[object]) -> bool:
    return any(address in network for network in networks)  # type: ignore[operator]


def judge(target: Target, addresses: Sequence[str], private_hosts: Collection[str] = ()) -> list[str]:
    """The addresses to connect to, of those that the host's name stands for: all of them, or none.

    One that is not public spoils the rest, for whoever mixes them is up to something. A host that the installation
    names may be private. Raises Unacceptable.
    """
    try:
        found = [ip_address(text) for text in addresses]
    except ValueError:  # with a zone, or nothing at all
        raise _private() from None
    named = target.host in private_hosts
    for address in found:
        if not is_public(address) and not (named and _within(address, _PRIVATE)):
            raise _private()
        if target.scheme == "http" and not address.is_loopback:
            raise Unacceptable("scheme", "http:// 只用于本机。", "Plain http is for loopback alone.")
    if not found:
        raise Unacceptable("unresolved", "域名解析不到地址。", "The name stands for no address.")
    return [str(address) for address in found]
