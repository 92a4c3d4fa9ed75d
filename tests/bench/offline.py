"""The reference offline verifier beside a bare Ed25519 verify of the same bytes.

Both have the key read beforehand. The verifier also reads base45 and the frame, builds what was signed, reads the
claims, and asks pack and status list; the floor verifies the signature over bytes that lie ready.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import base45
import cbor2
import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from backend.perks.offline import FRAME, PREFIX, OfflineVerifier
from tests.bench.measure import Line, Slices, compared, in_turns
from tests.support.load import Answer
