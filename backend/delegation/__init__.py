"""Acting for another: guardians, and helpers at a service counter."""
