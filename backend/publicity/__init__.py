"""What anyone may look up: licences, penalties and the other public records of legal entities, while they are shown."""
