"""Other people's programs beside ours: each in a virtual environment of its own, on the same PostgreSQL server."""
