"""How often somebody may try to sign in, so that guessing is hopeless and nobody is locked out for good by a stranger.

Three counters, all counted before the attempt is judged, all forgotten or given back by a success:

- **name and address together**: five in a quarter of an hour. Whoever guesses from one place stops here, and whoever
  they pretend to be, at another place, does not notice.
- **address**: fifty *failures* in a quarter of an hour, over all names. An office or a carrier's NAT signs in through
  one address in the morning; its successes are given back, so only one address's wrong answers add up.
- **name**, over all addresses: twenty in an hour (63B-4, 3.2.2 allows a hundred in a row). It stops the many who guess
  one name together. A place from which this name signed in within thirty days is *known* and not counted here, so that
  strangers can close the door to other strangers only, and to a newcomer for an hour at most.

What is kept is a keyed digest, never an address.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from sqlalchemy.orm import Session

from backend.accounts import service as accounts
from backend.staff import rules

PAIR, ADDRESS, NAME, KNOWN = "staff-sign-in", "staff-address", "staff-name", "staff-known-address"
PROOF, OIDC_START = "staff-proof", "oidc-start"
PER_PAIR = accounts.Limit(5, rules.WINDOW)
PER_ADDRESS = accounts.Limit(50, rules.WINDOW)
PER_NAME = accounts.Limit(20, timedelta(hours=1))
PER_PROOF = accounts.Limit(5, rules.WINDOW)
PER_OIDC_START = accounts.Limit(200, rules.WINDOW)


def _name(username: str) -> str:
    return username.strip().lower()


def _pair(username: str, address: str) -> str:
    return f"{_name(username)}|{rules.counted_address(address) or ''}"


def count(session: Session, username: str, address: str, *, by_recovery_code: bool = False) -> None:
    """Count a sign-in before it is judged, for known and unknown names alike. Raises TooManyAttempts.

    Nobody guesses the 79 bits of a recovery code, so whoever brings one is counted by address alone: it opens the door
    that a colleague or a stranger has closed by guessing her name.
    """
    if by_recovery_code:
        if seen := rules.counted_address(address):
            accounts.count_attempt(session, ADDRESS, seen, PER_ADDRESS)
        return
    accounts.count_attempt(session, PAIR, _pair(username, address), PER_PAIR)
    if seen := rules.counted_address(address):
        accounts.count_attempt(session, ADDRESS, seen, PER_ADDRESS)
        if not accounts.is_remembered(session, KNOWN, _pair(username, address)):
            accounts.count_attempt(session, NAME, _name(username), PER_NAME)


def give_back(session: Session, username: str, address: str) -> None:
    """It was no guess: the password was right, and the code was true although it had been used."""
    accounts.give_attempt_back(session, PAIR, _pair(username, address))
    accounts.give_attempt_back(session, NAME, _name(username))
    if seen := rules.counted_address(address):
        accounts.give_attempt_back(session, ADDRESS, seen)


def succeeded(session: Session, username: str, address: str) -> None:
    """Forget what was counted against this name, and know the place from now on."""
    accounts.clear_attempts(session, PAIR, _pair(username, address))
    accounts.clear_attempts(session, NAME, _name(username))
    if seen := rules.counted_address(address):
        accounts.give_attempt_back(session, ADDRESS, seen)
        accounts.remember_attempt(session, KNOWN, _pair(username, address), rules.KNOWN_ADDRESS_DAYS)


def unlock(session: Session, username: str) -> None:
    """Let a name sign in again from anywhere, at once."""
    accounts.clear_attempts(session, NAME, _name(username))
    accounts.clear_attempts(session, PAIR, _pair(username, ""))


def count_proof(session: Session, subject: UUID) -> None:
    """Count a proof that somebody gives again before a credential changes. Raises TooManyAttempts."""
    accounts.count_attempt(session, PROOF, str(subject), PER_PROOF)


def clear_proof(session: Session, subject: UUID) -> None:
    accounts.clear_attempts(session, PROOF, str(subject))


def count_oidc_start(session: Session, address: str) -> None:
    """Count a sign-in begun at the provider, each of which is a row. Raises TooManyAttempts."""
    if seen := rules.counted_address(address):
        accounts.count_attempt(session, OIDC_START, seen, PER_OIDC_START)
