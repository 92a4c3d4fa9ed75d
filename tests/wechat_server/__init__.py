"""A stand-in for WeChat's server: a real HTTP server that speaks the documented protocol, for loopback only.

It shares no code with ``backend``: what the two agree on is WeChat's documentation. Run it with
``python -m tests.wechat_server --port 8001``, or in a test with ``with WechatServer() as server``.

What WeChat documents is followed; what it leaves open is decided here:

* The phone of an openid nobody registered is ``1990000`` and four digits from a hash of the openid.
* A phone code sent with another user's openid is refused with 40003 and stays unused.
* Subscribe messages are accepted without limit, unless acceptances of that openid and template are
  counted through ``POST /stand-in/acceptances``; at none left, 43101.
* A text with the word 【测试违规】 is *risky*, with 【测试待审】 *review*, else *pass*.
* The two-hour rule of msgSecCheck (61010) is not kept, since visits to the mini-program never reach this
  server; ask for it with a fault.
"""

from tests.wechat_server.server import WechatServer
from tests.wechat_server.world import (
    APP_ID,
    APP_SECRET,
    REVIEW_WORD,
    RISKY_WORD,
    Clock,
    World,
    synthetic_phone,
)

__all__ = [
    "APP_ID",
    "APP_SECRET",
    "REVIEW_WORD",
    "RISKY_WORD",
    "Clock",
    "WechatServer",
    "World",
    "synthetic_phone",
]
