"""People, organisations, and who signs in: residents by WeChat, staff by password and one-time code, devices by key."""
